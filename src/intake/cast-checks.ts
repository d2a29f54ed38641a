import { type Column, type Engine, listsSql, openEngine, quoted } from '../engine/index.ts'
import { fromText, type HeldValue, heldAs, type Misfit, type ReadRows } from '../sources/index.ts'

/*
 * Types of which JavaScript knows nothing (DECIMAL, UUID, lists) are held as texts. DuckDB says
 * which of them are values, and how it writes them, so that two texts of one value are one.
 */

export class CastChecks implements AsyncDisposable {
  #engine: Promise<Engine> | undefined
  #last: Promise<unknown> = Promise.resolve()

  /** The same rows with the texts that DuckDB writes, or the first value that does not fit. */
  check(read: ReadRows): Promise<ReadRows> {
    const { columns, rows } = read.held
    if (rows === 0 || columns.every(({ type }) => heldAs(type) !== 'cast')) {
      return Promise.resolve(read)
    }
    const next = this.#last.then(() => this.#check(read))
    this.#last = next.catch(() => undefined)
    return next
  }

  async #check({ held, misfit }: ReadRows): Promise<ReadRows> {
    this.#engine ??= openEngine({ allowedPaths: [], threads: 1 })
    const engine = await this.#engine
    const values: (readonly HeldValue[])[] = []
    let first = misfit
    for (const [column, { type }] of held.columns.entries()) {
      const texts = held.values[column]!
      if (heldAs(type) !== 'cast') {
        values.push(texts)
        continue
      }
      const found = await cast(engine, held.columns[column]!, texts as readonly (string | null)[])
      const row = found.bad
      if (row !== undefined && isBefore({ row, column }, first)) {
        first = { row, column, shown: shownOf(texts[row - 1] as string, type) }
      }
      values.push(found.texts)
    }
    return { held: { ...held, values }, misfit: first }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last
    await (await this.#engine)?.[Symbol.asyncDispose]()
  }
}

function isBefore(one: Omit<Misfit, 'shown'>, other: Misfit | undefined): boolean {
  if (other === undefined || one.row < other.row) return true
  return one.row === other.row && one.column < other.column
}

function shownOf(text: string, type: string): string {
  return /\]$|^(?:STRUCT|MAP|DECIMAL|U?BIGINT|U?HUGEINT)/.test(type) ? text : JSON.stringify(text)
}

async function cast(engine: Engine, { type }: Column, texts: readonly (string | null)[]) {
  const { value, bad } = fromText(quoted('text'), type)
  const isNested = /\]$|^(?:STRUCT|MAP)/.test(type)
  const select = await engine.prepare(
    `select ${isNested ? quoted('text') : `cast(${value} as varchar)`}, ${bad}
     from (${listsSql([{ name: quoted('text'), type: 'VARCHAR' }])})`,
  )
  const [written, faults] = await select.run([texts])
  const at = Array.from(faults as readonly boolean[]).indexOf(true)
  return { texts: written as readonly (string | null)[], bad: at < 0 ? undefined : at + 1 }
}
