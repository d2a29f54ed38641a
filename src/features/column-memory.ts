/** Arrays of numbers that lie in memory. */
export interface NumbersIn<Values> {
  new (memory: ArrayBuffer, from: number, length: number): Values
  readonly BYTES_PER_ELEMENT: number
}

/** Memory that is taken for a column may be so much larger than the column. */
const wasteMax = 1.5

/**
 * Memory of columns that are read, swept and done with: what one group has taken the next one takes
 * again. To get new pages for hundreds of megabytes, group after group, and to collect them, costs
 * more than to fill them.
 */
export class ColumnMemory {
  #used: ArrayBuffer[] = []
  #free: ArrayBuffer[] = []

  /** Its bytes are not cleared. */
  take(sizeBytes: number): ArrayBuffer {
    const fits = this.#free.findIndex(
      ({ byteLength }) => byteLength >= sizeBytes && byteLength <= wasteMax * sizeBytes,
    )
    // What does not fit goes for what is made instead, so that no more is held than was in use.
    const [found] = this.#free.splice(fits, 1)
    const memory = found && fits >= 0 ? found : new ArrayBuffer(sizeBytes)
    this.#used.push(memory)
    return memory
  }

  /** Its values are what they were. */
  column<Values>(of: NumbersIn<Values>, length: number): Values {
    return new of(this.take(length * of.BYTES_PER_ELEMENT), 0, length)
  }

  /** Everything that was taken may be taken again: nobody looks at it any more. */
  release(): void {
    this.#free = [...this.#free, ...this.#used]
    this.#used = []
  }
}
