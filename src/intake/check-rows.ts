import type { HeldRows, HeldValue, KeptShape } from '../sources/index.ts'
import { momentOf, requestTextMax, shownMoment, tooLongKey } from '../sources/index.ts'
import { differing, futureMaxMs, refuseEventTime } from './accept.ts'

/* What `acceptRows` asks of rows in DuckDB, asked of rows that JavaScript holds. */

const ancientUs = Date.UTC(1970, 0, 1) * 1_000 - 62_135_596_800 * 1e6

/** Throws E_DATA_SCHEMA, E_EVENT_TIME, E_DUPLICATE_KEY, as `acceptRows` does. */
export function checkRows(held: HeldRows, shape: KeptShape, now: Date): void {
  checkEventTimes(held, shape, now)
  if (shape.key.length === 0) return
  checkKeyLengths(held, shape)
  checkKeys(held, shape)
}

function checkKeyLengths({ columns, values }: HeldRows, { key }: KeptShape): void {
  for (const [at, { name, type }] of columns.entries()) {
    if (type !== 'VARCHAR' || !key.includes(name)) continue
    const texts = values[at] as readonly (string | null)[]
    const row = texts.findIndex(text => text !== null && text.length > requestTextMax)
    if (row >= 0) throw tooLongKey(name, row + 1, texts[row]!.length)
  }
}

function checkEventTimes({ columns, values }: HeldRows, shape: KeptShape, now: Date): void {
  const at = columns.findIndex(({ name }) => name === shape.eventTime)
  const { type } = columns[at]!
  const latestUs = (now.getTime() + futureMaxMs) * 1_000
  for (const [row, value] of values[at]!.entries()) {
    const us = value === null ? undefined : momentOf(value, type)
    const is = faultOf(us, latestUs)
    if (is === undefined) continue
    const shown = us === undefined ? null : shownMoment(value!, type)
    refuseEventTime(shape, { place: row + 1, value: shown, is })
  }
}

function faultOf(us: number | undefined, latestUs: number): string | undefined {
  if (us === undefined) return 'missing'
  if (us > latestUs) return 'ahead'
  return us < ancientUs ? 'ancient' : undefined
}

/** Rows of one name: the first of each content. */
type Contents = number | number[]

function checkKeys({ columns, values, rows }: HeldRows, shape: KeptShape): void {
  const named = [...shape.key, shape.eventTime].map(
    name => values[columns.findIndex(column => column.name === name)]!,
  )
  const first = new Map<string, Contents>()
  let found: { first: number; second: number } | undefined
  for (let row = 0; row < rows; row++) {
    const name = nameOf(named, row)
    const before = first.get(name)
    if (before === undefined) {
      first.set(name, row)
      continue
    }
    const contents = typeof before === 'number' ? [before] : before
    if (contents.some(other => isSame(values, row, other))) continue
    first.set(name, [...contents, row])
  }
  for (const contents of first.values()) {
    if (typeof contents === 'number') continue
    const second = contents.at(-1)! + 1
    if (found === undefined || second < found.second) found = { first: contents[0]! + 1, second }
  }
  if (found !== undefined) throw differing(shape, found)
}

/** A text that two rows share exactly when they are of one name. */
function nameOf(columns: readonly (readonly HeldValue[])[], row: number): string {
  let name = ''
  for (const values of columns) {
    const value = values[row]!
    const text = value === null ? '' : String(value)
    name += value === null ? '-,' : `${text.length},${text}`
  }
  return name
}

function isSame(columns: readonly (readonly HeldValue[])[], a: number, b: number): boolean {
  return columns.every(values => {
    const [one, other] = [values[a], values[b]]
    return one === other || (Number.isNaN(one) && Number.isNaN(other))
  })
}
