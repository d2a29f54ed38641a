import type { ErrorCode } from '../base/errors.ts'

/*
 * What to do about a fault of data or SQL where nothing nearer is known, because DuckDB said what
 * is wrong and not what to do: nobody is left with a fault alone.
 */

const cures: Readonly<Partial<Record<ErrorCode, string>>> = {
  E_SOURCE: 'name files that are there, in the folder of the fleet or in a data root',
  E_DATA_CORRUPT: 'write the file again from where it came',
  E_CSV_LINE: 'write the file again, with each row on a line of its own',
  E_DATA_SCHEMA: 'name columns that the data has, of the types that are asked for',
  E_SQL_STATEMENT: 'write one expression of DuckDB over the columns of the row: hour(date)',
  E_SQL_FORBIDDEN: 'read the columns of the row and nothing else',
  E_SQL_TIMEOUT: 'make the expression simpler, or compute it when the data is written',
  E_SQL_MEMORY: 'make the expression simpler, or compute it when the data is written',
  E_SQL_VALUE: 'let it give null where it cannot be computed: try_cast(...), nullif(..., 0)',
}

export function cureOf(code: ErrorCode): string {
  return cures[code] ?? 'see muster doctor'
}
