/**
 * What a statement runs on: the pool, or one transaction of it. Statements name their columns
 * (`as "camelCase"`), never `select *`: a later migration would change the shape of a cached plan.
 */
export interface Sql {
  all<Row extends object>(text: SqlText, values?: readonly unknown[]): Promise<Row[]>
  /** The first row, or undefined. */
  one<Row extends object>(text: SqlText, values?: readonly unknown[]): Promise<Row | undefined>
  /** How many rows were touched. */
  run(text: SqlText, values?: readonly unknown[]): Promise<number>
}

/** A statement; one with a name of its own is parsed once by each connection, not by each call. */
export type SqlText = string | NamedSql

/** For what runs hundreds of times a second: to plan it takes longer than to run it. */
export interface NamedSql {
  readonly name: string
  readonly text: string
}

/** The statements that need a transaction of their own take this. */
export interface Transactions extends Sql {
  /**
   * Runs `deed` in one transaction (read committed, with row locks where it matters) and commits.
   * Repeated from the start, a bounded number of times, when Postgres ended it for a deadlock or a
   * serialization failure, or the connection broke before the commit was sent: so `deed` must do
   * nothing but SQL. `reading: 'snapshot'` reads everything as of one moment and may not write.
   */
  transaction<T>(deed: (sql: Sql) => Promise<T>, reading?: 'snapshot'): Promise<T>
}

/**
 * JSON for a `jsonb` parameter. node-postgres would turn a JavaScript array into a Postgres array.
 */
export function json(value: unknown): string {
  return JSON.stringify(value)
}

/** Rows in pieces that one statement carries comfortably. */
export function* chunksOf<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size)
}
