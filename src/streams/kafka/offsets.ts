/*
 * A Kafka group keeps one number a partition: all before it are done. Messages are done in any
 * order, so what may be committed is the first that is not done.
 */

export interface Place {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
}

interface Partition {
  readonly topic: string
  readonly partition: number
  /** In order; true when done. */
  readonly taken: Map<bigint, boolean>
}

export class Offsets {
  readonly #partitions = new Map<string, Partition>()

  taken({ topic, partition, offset }: Place): void {
    const name = `${topic}/${partition}`
    const found = this.#partitions.get(name) ?? { topic, partition, taken: new Map() }
    this.#partitions.set(name, found)
    found.taken.set(offset, false)
  }

  /** Gives what the group may be told now, if that has moved. */
  done(places: readonly Place[]): readonly Place[] {
    const touched = new Set<Partition>()
    for (const { topic, partition, offset } of places) {
      const found = this.#partitions.get(`${topic}/${partition}`)
      if (!found?.taken.has(offset)) continue
      found.taken.set(offset, true)
      touched.add(found)
    }
    return [...touched].flatMap(({ topic, partition, taken }) => {
      let next: bigint | undefined
      for (const [offset, isDone] of taken) {
        if (!isDone) break
        taken.delete(offset)
        next = offset + 1n
      }
      return next === undefined ? [] : [{ topic, partition, offset: next }]
    })
  }
}
