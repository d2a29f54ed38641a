import { MusterError } from '../base/errors.ts'
import { type Column, quoted } from '../engine/index.ts'
import type { PostgresSession, ResultColumn } from './postgres-session.ts'

/** By the OID that PostgreSQL has given each built-in type for ever. */
const builtIn: Readonly<Record<number, string>> = {
  16: 'BOOLEAN',
  18: 'VARCHAR', // "char"
  19: 'VARCHAR', // name
  20: 'BIGINT',
  21: 'SMALLINT',
  23: 'INTEGER',
  25: 'VARCHAR', // text
  114: 'VARCHAR', // json
  700: 'FLOAT',
  701: 'DOUBLE',
  1042: 'VARCHAR', // char(n)
  1043: 'VARCHAR', // varchar(n)
  1082: 'DATE',
  1114: 'TIMESTAMP',
  1184: 'TIMESTAMP', // timestamptz: its text is of UTC, as the session says
  2950: 'VARCHAR', // uuid
  3802: 'VARCHAR', // jsonb
}

const numericOid = 1700

/**
 * Names and DuckDB types of the columns. Throws E_DATA_SCHEMA for a type that has no counterpart,
 * naming the column.
 */
export async function duckColumns(
  session: PostgresSession,
  columns: readonly ResultColumn[],
): Promise<readonly Column[]> {
  const others = columns.filter(c => c.oid !== numericOid && builtIn[c.oid] === undefined)
  const facts = await session.rows(
    'select oid::text, typname, typtype, typcategory from pg_type where oid = any($1::oid[])',
    [`{${others.map(c => c.oid).join(',')}}`],
  )
  const types = new Map(facts.map(([oid, ...rest]) => [Number(oid), rest]))
  const seen = new Set<string>()
  return columns.map(({ name, oid, modifier }) => {
    if (seen.has(name.toLowerCase())) {
      throw new MusterError('E_DATA_SCHEMA', `two columns are called \`${name}\``, {
        hint: 'give each a name of its own: select a.id, b.id as other_id',
      })
    }
    seen.add(name.toLowerCase())
    if (oid === numericOid) return { name, type: numericType(modifier) }
    const [typname, typtype, category] = types.get(oid) ?? []
    // Enums, and types of extensions that are texts: citext.
    const isText = typtype === 'e' || category === 'S'
    return {
      name,
      type: builtIn[oid] ?? (isText ? 'VARCHAR' : refuseType(name, typname, category)),
    }
  })
}

/**
 * DECIMAL where it holds the declared precision. A bare `numeric` has up to 131,072 digits, which
 * no type of DuckDB holds; it is read as DOUBLE, with 15 of them, because what learns from it has
 * no more.
 */
function numericType(modifier: number): string {
  if (modifier < 4) return 'DOUBLE'
  const precision = ((modifier - 4) >> 16) & 0xffff
  // Since PostgreSQL 15 a scale has eleven bits and a sign.
  const scale = (((modifier - 4) & 0x7ff) ^ 0x400) - 0x400
  const fits = precision <= 38 && scale >= 0 && scale <= precision
  return fits ? `DECIMAL(${precision},${scale})` : 'DOUBLE'
}

function refuseType(
  name: string,
  type: string | null | undefined,
  category: string | null | undefined,
): never {
  const isArray = category === 'A'
  const shown = isArray ? `an array (${type?.replace(/^_/, '')}[])` : `of the type ${type ?? '?'}`
  const example = isArray ? `array_length(${quoted(name)}, 1)` : `cast(${quoted(name)} as text)`
  throw new MusterError('E_DATA_SCHEMA', `column \`${name}\` is ${shown}, which is not read`, {
    hint: `leave it out, or make it a number, a text or a time in a query: ${example}`,
  })
}
