import { type Engine, listsSql, openEngine, type PreparedSelect, quoted } from '../engine/index.ts'
import { fromHeld, type HeldRows, listTypeOf, rowNumber } from '../sources/index.ts'
import { arrivalColumn, type FeatureGroupSpec, type SourceSpec } from '../spec/index.ts'
import { type CurrentRow, type CurrentRows, type EntityKind, openCurrent } from './current.ts'

/*
 * Rows of one source that have just arrived, through the expressions of its groups: bound once, and
 * then run over lists of values, for to open an engine and to bind takes a hundred times as long as
 * to evaluate a hundred rows.
 */

/** A batch is small; its expressions are what training runs on far more rows. */
const memoryMb = 256

/** What is read of each batch. */
export interface ArrivedKind {
  readonly group: FeatureGroupSpec
  readonly kind: EntityKind
}

/** Rows with what they got when they were kept: numbers, and when they became known. */
export interface ArrivedBatch {
  readonly held: HeldRows
  readonly numbers: readonly number[]
  /** Microseconds since 1970; null: known when they happened. */
  readonly knownUs: readonly (number | null)[]
}

interface OpenKind {
  readonly rows: CurrentRows
  readonly select: PreparedSelect
}

export class ArrivedRows implements AsyncDisposable {
  readonly #engine: Engine
  readonly #kinds: readonly OpenKind[]
  #last: Promise<unknown> = Promise.resolve()

  private constructor(engine: Engine, kinds: readonly OpenKind[]) {
    this.#engine = engine
    this.#kinds = kinds
  }

  /** For batches of these columns. */
  static async open(
    spec: SourceSpec,
    declared: HeldRows['columns'],
    kinds: readonly ArrivedKind[],
  ): Promise<ArrivedRows> {
    const engine = await openEngine({ allowedPaths: [], threads: 1, memoryMb })
    try {
      const own = { name: rowNumber, type: 'INTEGER' }
      const columns = [...declared, { name: arrivalColumn, type: 'TIMESTAMP' }]
      const held = [own, ...columns].map(({ name, type }, at) => ({ name, type, held: `c${at}` }))
      const values = held.map(c => `${fromHeld(c.held, c.type)} as ${quoted(c.name)}`)
      const lists = held.map(c => ({ name: c.held, type: listTypeOf(c.type) }))
      const batch = `select ${values.join(', ')} from (${listsSql(lists)})`
      const nulls = held.map(c => `cast(null as ${c.type}) as ${quoted(c.name)}`)
      await engine.define(
        `create temp view ${quoted(spec.name)} as select ${nulls.join(', ')} where false`,
      )
      const source = { spec, relation: { name: spec.name, columns }, rows: 0 }
      const open: OpenKind[] = []
      for (const { group, kind } of kinds) {
        const rows = await openCurrent(engine, group, source, kind)
        // The batch stands before the view of its name, by which the expressions were checked.
        const select = await engine.prepare(
          `with ${quoted(spec.name)} as materialized (${batch}) ${rows.allSql()}`,
        )
        open.push({ rows, select })
      }
      return new ArrivedRows(engine, open)
    } catch (error) {
      await engine[Symbol.asyncDispose]()
      throw error
    }
  }

  /** The rows of a batch, for each kind. One batch after the other. */
  read(batch: ArrivedBatch): Promise<readonly (readonly CurrentRow[])[]> {
    const next = this.#last.then(async () => {
      const { values } = batch.held
      const lists = [batch.numbers, ...values, batch.knownUs]
      const found: (readonly CurrentRow[])[] = []
      for (const { rows, select } of this.#kinds) {
        const read = await select.run(lists)
        found.push(rows.rowsOf(read, read[0]?.length ?? 0))
      }
      return found
    })
    this.#last = next.catch(() => undefined)
    return next
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last
    await this.#engine[Symbol.asyncDispose]()
  }
}
