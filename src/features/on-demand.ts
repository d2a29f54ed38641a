import { assert, must } from '../base/assert.ts'
import { MusterError } from '../base/errors.ts'
import {
  at,
  type ChunkColumn,
  type Column,
  type Engine,
  embedded,
  listsSql,
  numberOf,
  openEngine,
  type PreparedSelect,
  quoted,
  type ResultColumn,
  readExpression,
} from '../engine/index.ts'
import { listOf, listTypeOf, type RowValue, unusable } from './row-values.ts'

/*
 * Features computed from a request. Training runs a feature's SQL over the rows of a source; here
 * the same text runs over the rows of requests, in the same engine and by the same cast at the end,
 * so that there is no second definition that could differ. Locked like every engine that declared
 * SQL runs in, and it may read no file at all.
 */

/**
 * A row takes microseconds. What runs for a second is an expression that nobody meant, and it holds
 * up the requests behind it. DuckDB ends a query between two chunks only, so one row's expression
 * cannot be ended: its caller is answered, and the next are refused until it is through.
 */
const timeLimitMsDefault = 1_000
/** From the interrupt to when a query that heeds it has ended. */
const graceMs = 50
/** For one batch of rows and what expressions make of them. */
const memoryMb = 128
/** Rows of one run: as many as one request may bring, a few milliseconds of work. */
const rowsPerRunMax = 4_096
/** Rows that may wait for one view; past it an answer would come too late for its caller. */
const waitingRowsMax = 16_384

export interface RowExpression {
  readonly name: string
  readonly sql: string
  /** A number as a model reads it, or text: an entity's value, a category. */
  readonly gives: 'number' | 'text'
}

export interface RowAsk {
  /** The name of the rows' source, so that `trips.distance` is understood. */
  readonly relation: string
  /** Columns that a request may bring. */
  readonly columns: readonly Column[]
  readonly expressions: readonly RowExpression[]
}

/** By expression, in the order asked; NaN and null where the SQL gives null. */
export type RowResult = readonly (Float32Array | readonly (string | null)[])[]

/** Opens the engine that serves requests; one a process, for it keeps a thread and its memory. */
export async function openOnDemand(
  options: { readonly timeLimitMs?: number } = {},
): Promise<OnDemand> {
  const { timeLimitMs = timeLimitMsDefault } = options
  const engine = await openEngine({ allowedPaths: [], threads: 1, memoryMb, timeLimitMs })
  return new OnDemand(engine, timeLimitMs)
}

export class OnDemand implements AsyncDisposable {
  readonly #engine: Engine
  readonly #timeLimitMs: number
  #last: Promise<unknown> = Promise.resolve()
  /** A query is past its time and has not ended. */
  #stuck = false

  constructor(engine: Engine, timeLimitMs: number) {
    this.#engine = engine
    this.#timeLimitMs = timeLimitMs
  }

  /** A declared type as DuckDB spells it: `int4` is INTEGER. */
  async typeOf(declared: string): Promise<string> {
    return this.#inTurn(async () => {
      const nothing = { relation: 'muster types', columns: [{ name: 'x', type: 'INTEGER' }] }
      await this.#define(nothing)
      const relation = { name: nothing.relation, columns: [] }
      return (await readExpression(this.#engine, relation, `cast(null as ${declared})`)).type
    })
  }

  /**
   * Columns that an expression reads, of those that `columns` names. Throws as `readExpression`
   * does: E_DATA_SCHEMA for a column that is not among them.
   */
  async reads(ask: Pick<RowAsk, 'relation' | 'columns'>, sql: string): Promise<readonly string[]> {
    return this.#inTurn(async () => {
      await this.#define(ask)
      const relation = { name: ask.relation, columns: ask.columns }
      return (await readExpression(this.#engine, relation, sql)).columns
    })
  }

  /** Binds expressions that `reads` let through. Throws E_SQL_... as at training. */
  async prepare(ask: RowAsk): Promise<RowExpressions> {
    assert(ask.columns.length > 0, 'an expression of a request reads a column')
    const statement = await this.#inTurn(async () => {
      await this.#define(ask)
      for (const { name, sql } of ask.expressions) {
        await readExpression(this.#engine, { name: ask.relation, columns: ask.columns }, sql).catch(
          error => {
            throw at(error, { doing: `\`${name}\`` })
          },
        )
      }
      return this.#engine.prepare(selectOf(ask))
    })
    return new RowExpressions(ask, statement, work => this.#inTurn(work))
  }

  /** Does not wait for a query that cannot be ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#stuck) await this.#last
    if (!this.#stuck) await this.#engine[Symbol.asyncDispose]()
  }

  /** An empty table of the columns, for expressions to be bound against. */
  async #define({ relation, columns }: Pick<RowAsk, 'relation' | 'columns'>): Promise<void> {
    const list = columns.map(({ name, type }) => `cast(null as ${type}) as ${quoted(name)}`)
    await this.#engine.define(
      `create or replace temp table ${quoted(relation)} as select ${list.join(', ')} where false`,
    )
  }

  /**
   * One query at a time: the time limit interrupts the connection, and not a query. Throws
   * E_SQL_TIMEOUT, and E_BUSY while a query is past its time.
   */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(() => {
      if (!this.#stuck) return this.#timed(work())
      throw new MusterError('E_BUSY', 'an expression of another request is past its time', {
        hint: 'send it again in a second, or send the features themselves',
        extra: { retryAfterSeconds: 1 },
      })
    })
    this.#last = next.catch(() => undefined)
    return next
  }

  #timed<T>(running: Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    // Later than the interrupt, whose own error is the better one.
    const timer = setTimeout(() => {
      this.#stuck = true
      const seconds = this.#timeLimitMs / 1_000
      reject(new MusterError('E_SQL_TIMEOUT', `an expression took more than ${seconds} s`))
    }, this.#timeLimitMs + graceMs)
    const ended = () => {
      clearTimeout(timer)
      this.#stuck = false
    }
    running.finally(ended).then(resolve, reject)
    return promise
  }
}

/**
 * All expressions over all rows, and first the number of a column whose value is not of its type
 * (-1 for none), which DuckDB knows best.
 */
function selectOf({ relation, columns, expressions }: RowAsk): string {
  const names = columns.map(column => quoted(column.name))
  const sent = listsSql(columns.map(({ type }, c) => ({ name: names[c]!, type: listTypeOf(type) })))
  const typed = columns.map(({ type }, c) => `try_cast(${names[c]} as ${type}) as ${names[c]}`)
  const odd = columns.map(
    ({ type }, c) =>
      `when ${names[c]} is not null and try_cast(${names[c]} as ${type}) is null then ${c}`,
  )
  const values = expressions.map(({ sql, gives }) =>
    gives === 'number' ? numberOf(sql, 'float') : `cast(${embedded(sql)} as varchar)`,
  )
  return (
    `select "muster odd", ${values.join(',\n')}\nfrom (` +
    `select (case ${odd.join(' ')} else -1 end)::integer as "muster odd", ${typed.join(', ')} ` +
    `from (${sent})) as ${quoted(relation)}`
  )
}

interface Waiting {
  readonly columns: ReadonlyMap<string, readonly RowValue[]>
  readonly rows: number
  readonly resolve: (result: RowResult) => void
  readonly reject: (error: unknown) => void
}

/** The expressions of one view. Requests of one turn of the event loop are one query. */
export class RowExpressions {
  readonly #ask: RowAsk
  readonly #statement: PreparedSelect
  readonly #inTurn: <T>(work: () => Promise<T>) => Promise<T>
  #waiting: Waiting[] = []
  #waitingRows = 0
  #draining = false

  constructor(
    ask: RowAsk,
    statement: PreparedSelect,
    inTurn: <T>(work: () => Promise<T>) => Promise<T>,
  ) {
    this.#ask = ask
    this.#statement = statement
    this.#inTurn = inTurn
  }

  /**
   * Every expression over `rows` rows; a column that is not given is null, so that what reads it is
   * of no meaning. Throws E_FEATURE_VALUE (naming the column), E_BUSY, E_SQL_VALUE, E_SQL_TIMEOUT.
   */
  run(columns: ReadonlyMap<string, readonly RowValue[]>, rows: number): Promise<RowResult> {
    if (this.#waitingRows + rows > waitingRowsMax) {
      return Promise.reject(
        new MusterError('E_BUSY', `${this.#waitingRows} rows wait for their features already`, {
          hint: 'send it again in a second',
          extra: { retryAfterSeconds: 1 },
        }),
      )
    }
    this.#waitingRows += rows
    return new Promise((resolve, reject) => {
      this.#waiting.push({ columns, rows, resolve, reject })
      if (this.#draining) return
      this.#draining = true
      setImmediate(() => void this.#drain())
    })
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const taken = this.#take()
      await this.#inTurn(() => this.#answer(taken)).catch(error => {
        for (const { reject } of taken) reject(error)
      })
      for (const { rows } of taken) this.#waitingRows -= rows
    }
    this.#draining = false
  }

  #take(): readonly Waiting[] {
    let rows = 0
    let count = 0
    for (const waiting of this.#waiting) {
      if (count > 0 && rows + waiting.rows > rowsPerRunMax) break
      rows += waiting.rows
      count += 1
    }
    return this.#waiting.splice(0, count)
  }

  /** One request's value that an expression fails on is no other request's fault. */
  async #answer(taken: readonly Waiting[]): Promise<void> {
    try {
      await this.#run(taken)
    } catch (error) {
      const alone = taken.length === 1
      const ofValues = error instanceof MusterError && /VALUE$/.test(error.code)
      if (!alone && ofValues) for (const one of taken) await this.#answer([one])
      else for (const { reject } of taken) reject(error)
    }
  }

  async #run(taken: readonly Waiting[]): Promise<void> {
    const { columns, expressions } = this.#ask
    const lists = columns.map(column =>
      listOf(
        column,
        taken.flatMap(({ columns: given, rows }) => [
          ...(given.get(column.name) ?? new Array<null>(rows).fill(null)),
        ]),
      ),
    )
    const [odd, ...found] = await this.#statement.run(lists)
    for (const [row, column] of (odd as Int32Array).entries()) {
      if (column < 0) continue
      const value = must(lists[column], 'a list a column')[row] ?? null
      throw unusable(must(columns[column], 'it is a column'), value, row)
    }
    let from = 0
    for (const { rows, resolve } of taken) {
      resolve(
        expressions.map(({ gives }, e) => {
          const column = must(found[e], 'a column an expression')
          const own = from === 0 && column.length === rows ? column : slice(column, from, rows)
          return gives === 'number' ? finite(own as Float32Array) : (own as (string | null)[])
        }),
      )
      from += rows
    }
  }
}

function slice(column: ResultColumn, from: number, rows: number): ResultColumn {
  return column.slice(from, from + rows) as ChunkColumn | readonly unknown[]
}

/** As the frame of the training has it: an infinite number is as missing as a null. */
function finite(values: Float32Array): Float32Array {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) values[i] = Number.NaN
  return values
}
