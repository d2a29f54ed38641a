import { MusterError } from '../base/errors.ts'
import { type Engine, embedded, quoted } from '../engine/index.ts'

/*
 * Text as numbers: a category is its place in the sorted texts of the frame, so that a column of
 * it is a Float32 column like every other. Sorted by UTF-8 bytes, as DuckDB sorts.
 */

/** Text that takes more values than this is an identity or a sentence, and no category. */
const textsMax = 100_000

export interface Texts {
  readonly texts: readonly string[]
  /** A join behind FROM, and the code of a row as DOUBLE: NaN for null. */
  readonly join: string
  readonly code: string
}

/** Numbers the distinct texts of an expression, which `readExpression` has let through. */
export async function defineTexts(
  engine: Engine,
  name: string,
  rows: { readonly from: string; readonly where: string },
  sql: string,
): Promise<Texts> {
  const table = quoted(`muster texts ${name}`)
  const text = `cast(${embedded(sql)} as varchar)`
  await engine.define(
    `create or replace temp table ${table} as
     select "muster text", (row_number() over (order by "muster text") - 1)::double as "muster code"
     from (select distinct ${text} as "muster text" from ${rows.from} where ${rows.where})
     where "muster text" is not null`,
  )
  const found = await engine.rows<{ text: string }>(
    `select "muster text" as text from ${table} order by "muster code" limit ${textsMax + 1}`,
  )
  if (found.length > textsMax) {
    throw new MusterError(
      'E_DATA_SCHEMA',
      `\`${sql}\` takes more than ${textsMax.toLocaleString('en')} texts`,
      { hint: 'a category has few: shorten it, left(x, 2), or leave it out' },
    )
  }
  return {
    texts: found.map(row => row.text),
    join: `left join ${table} on ${text} = ${table}."muster text"`,
    code: `coalesce(${table}."muster code", 'nan'::double)`,
  }
}

/** Leaves of `texts` those that the rows of a frame have, and rewrites their codes. */
export function compactTexts(codes: Float32Array, texts: readonly string[]): readonly string[] {
  const codeOf = new Int32Array(texts.length).fill(-1)
  for (const code of codes) if (!Number.isNaN(code)) codeOf[code] = 0
  let next = 0
  for (let code = 0; code < texts.length; code++) if (codeOf[code] === 0) codeOf[code] = next++
  for (let row = 0; row < codes.length; row++) {
    if (!Number.isNaN(codes[row]!)) codes[row] = codeOf[codes[row]!]!
  }
  return texts.filter((_, code) => codeOf[code]! >= 0)
}
