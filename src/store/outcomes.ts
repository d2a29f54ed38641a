import type { ReceiptId } from '../base/ids.ts'
import type { Sql } from './sql.ts'

/** What turned out to be true of one predicted row. */
export interface Outcome {
  readonly receipt: ReceiptId
  readonly row: number
  readonly blueprint: string
  readonly value: number
  readonly receivedAt: Date
  /** Whether it took the place of another. */
  readonly corrected: boolean
}

const columns = `receipt, row, blueprint, value, received_at as "receivedAt", corrected`

type Said = Pick<Outcome, 'receipt' | 'row' | 'blueprint' | 'value'>

/**
 * Takes outcomes that nobody has said yet; of the others says nothing. `correct` puts them in the
 * place of what was said before.
 */
export async function putOutcomes(
  sql: Sql,
  outcomes: readonly Said[],
  correct: boolean,
): Promise<void> {
  const then = correct
    ? `do update set value = excluded.value, corrected = true, received_at = now()
       where o.value <> excluded.value`
    : 'do nothing'
  await sql.run(
    `insert into outcome as o (receipt, row, blueprint, value)
     select * from unnest($1::text[], $2::int[], $3::text[], $4::double precision[])
     on conflict (receipt, row) ${then}`,
    [
      outcomes.map(each => each.receipt),
      outcomes.map(each => each.row),
      outcomes.map(each => each.blueprint),
      outcomes.map(each => each.value),
    ],
  )
}

/** Until the end of the transaction nobody else says any. */
export async function lockOutcomes(sql: Sql): Promise<void> {
  await sql.run('lock table outcome in share row exclusive mode')
}

/** What is known of these receipts. */
export async function readOutcomes(
  sql: Sql,
  receipts: readonly ReceiptId[],
): Promise<readonly Outcome[]> {
  return sql.all(`select ${columns} from outcome where receipt = any($1)`, [receipts])
}

/** Outcomes of answers of a time, newest answer first. */
export async function listOutcomes(
  sql: Sql,
  ask: {
    readonly blueprint: string | undefined
    readonly from: string
    readonly to: string
    /** Only what stands behind it in the list. */
    readonly after?: { readonly receipt: ReceiptId; readonly row: number } | undefined
    readonly limit: number
  },
): Promise<readonly Outcome[]> {
  return sql.all(
    `select ${columns} from outcome
     where receipt between $2 and $3 and ($1::text is null or blueprint = $1)
       and ($5::text is null or receipt < $5 or (receipt = $5 and row > $6))
     order by receipt desc, row limit $4`,
    [ask.blueprint ?? null, ask.from, ask.to, ask.limit, ask.after?.receipt, ask.after?.row],
  )
}

/** Forgets those of answers that are not kept any more. */
export async function forgetOutcomes(sql: Sql, before: string): Promise<number> {
  return sql.run('delete from outcome where receipt < $1', [before])
}
