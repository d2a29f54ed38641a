import { type Column, isNumber, isTime } from '../engine/index.ts'
import { readArrow } from './arrow-texts.ts'
import { isInteger } from './convert.ts'
import type { HeldValue } from './held-rows.ts'
import { type ReadText, readTextAs } from './held-value.ts'
import type { ReadRows } from './json-lines.ts'
import { checkNames } from './read-rows.ts'
import { type Misfit, otherType, shownMax } from './row-faults.ts'

/* An Arrow stream as columns of the declared types: by the rules of `fromTyped` in convert.ts. */

/** Throws E_DATA_CORRUPT, E_DATA_SCHEMA, E_TOO_LARGE. It may not end: see `arrow-texts.ts`. */
export function readArrowRows(
  bytes: Uint8Array,
  columns: readonly Column[],
  rowsMax: number,
): ReadRows {
  const found = readArrow(bytes, rowsMax)
  checkNames(found.columns, columns)
  const places = new Map(found.columns.map(({ name }, at) => [name, at]))
  const values: HeldValue[][] = []
  let misfit: Misfit | undefined
  for (const [column, declared] of columns.entries()) {
    const place = places.get(declared.name)!
    const from = found.columns[place]!.type
    const read = readTyped(from, declared.type)
    if (read === undefined) throw otherType(declared, from)
    values.push(
      found.rows.map((texts, row) => {
        const text = texts[place] ?? null
        const value = text === null ? null : read(text)
        if (value === undefined && row + 1 < (misfit?.row ?? Number.POSITIVE_INFINITY)) {
          misfit = { row: row + 1, column, shown: text!.slice(0, shownMax) }
        }
        return value ?? null
      }),
    )
  }
  return { held: { columns, values, rows: found.rows.length }, misfit }
}

/** A text of `from` as a value of `to`; undefined when no value can be had as the other type. */
function readTyped(from: string, to: string): ReadText | undefined {
  const read = readTextAs(to)
  if (from === to || (from === 'VARCHAR' && isTime(to))) return read
  if (isTime(from) && isTime(to) && to !== 'DATE') return read
  if (!isNumber(from) || !isNumber(to)) return undefined
  if (!/^(?:FLOAT|DOUBLE)$/.test(from)) return read
  if (isInteger(to)) return text => read(wholeOf(text))
  const decimals = /^DECIMAL\(\d+,(\d+)\)$/.exec(to)?.[1]
  if (decimals !== undefined) {
    return text => decimalOf(Number(text), Number(decimals), from === 'FLOAT')
  }
  return text => {
    const value = read(text)
    const isLost =
      Math.abs(value as number) === Number.POSITIVE_INFINITY && Number.isFinite(Number(text))
    return isLost ? undefined : value
  }
}

/** A double without a fraction as whole numbers are written; any other as it is. */
function wholeOf(text: string): string {
  const number = Number(text)
  return Number.isInteger(number) ? String(BigInt(number)) : text
}

/** With that many decimals, if it is read as the same again. */
function decimalOf(number: number, decimals: number, isFloat: boolean): string | undefined {
  const text = number.toFixed(decimals)
  const again = isFloat ? Math.fround(Number(text)) : Number(text)
  return again === number && Number.isFinite(number) ? text : undefined
}
