import { arrivalColumn, type LatestFeature, type WindowFeature } from '../spec/index.ts'
import type { World, WorldAsk, WorldGroup, WorldRow } from './oracle-world.fixture.ts'

/*
 * The oracle: what the guide says of features, read row by row from all rows for every ask. It
 * shares nothing with what is tested: no order, no index, no sum, no SQL.
 */

interface Seen {
  readonly row: WorldRow
  readonly event: number
  readonly known: number
}

/** The value that one row asking has of one feature of a view. */
export function expectedValue(
  world: World,
  ask: WorldAsk,
  feature: string,
): number | string | null {
  const { from, type } = world.features.find(({ name }) => name === feature)!
  if (from.kind !== 'group') throw new Error('only features of groups are asked for')
  const group = world.groups.find(({ spec }) => spec.name === from.group)!
  const { features, latest } = group.spec
  const wanted = [...features, ...latest].find(({ name }) => name === from.feature)!
  const mine = wanted.by.map(column => ask[(from.on?.[column] ?? column) as keyof WorldAsk])
  const seen = rowsKnown(group, ask.asOf).filter(({ row }) =>
    wanted.by.every((column, b) => {
      const value = row[column as keyof WorldRow]
      return value !== null && mine[b] !== null && String(value) === String(mine[b])
    }),
  )
  if ('stat' in wanted) return windowValue(seen, ask.asOf, wanted)
  return newestValue(seen, ask.asOf, wanted, type === 'category')
}

/** Rows that were known, without those of which a later version was known too. */
function rowsKnown(group: WorldGroup, asOf: number): readonly Seen[] {
  const kept = group.spec.knownAt.includes(arrivalColumn)
  const all = group.rows.flatMap((row): readonly Seen[] => {
    const event = group.spec.eventTime === 'counted' ? row.counted : row.happened
    const arrived = kept && Number.isNaN(row.known) ? event : row.known
    if (Number.isNaN(event) || Number.isNaN(arrived)) return []
    return [{ row, event, known: Math.max(arrived, event) }]
  })
  const known = all.filter(seen => seen.known <= asOf)
  return known.filter(seen => !known.some(other => isVersionAfter(group, seen, other)))
}

function isVersionAfter({ source }: WorldGroup, a: Seen, b: Seen): boolean {
  if (source.key.length === 0 || Number.isNaN(a.row.happened)) return false
  if (a.row.happened !== b.row.happened) return false
  for (const column of source.key as readonly (keyof WorldRow)[]) {
    if (a.row[column] === null || a.row[column] !== b.row[column]) return false
  }
  return b.known > a.known || (b.known === a.known && b.row.row > a.row.row)
}

function newestValue(
  seen: readonly Seen[],
  asOf: number,
  { of, ttlMs }: LatestFeature,
  text: boolean,
): number | string | null {
  const missing = text ? null : Number.NaN
  const [newest] = seen.toSorted(
    (a, b) => b.event - a.event || b.known - a.known || b.row.row - a.row.row,
  )
  if (newest === undefined) return missing
  if (ttlMs !== undefined && newest.event < asOf - ttlMs / 60_000) return missing
  if (text) return newest.row.word
  return of === 'number' ? newest.row.number : newest.row.number * 2
}

function windowValue(seen: readonly Seen[], asOf: number, { stat, over }: WindowFeature): number {
  const inOrder = seen.toSorted(
    (a, b) => a.known - b.known || a.event - b.event || a.row.row - b.row.row,
  )
  const inside =
    over.kind === 'rows'
      ? inOrder.slice(-over.rows)
      : inOrder.filter(({ known }) => known > asOf - over.ms / 60_000)
  const values = inside.map(({ row }) => row.number).filter(value => !Number.isNaN(value))
  const sum = values.reduce((total, value) => total + value, 0)
  if (stat === 'count') return values.length
  if (stat === 'sum') return sum
  if (values.length === 0) return Number.NaN
  if (stat === 'mean') return sum / values.length
  if (stat === 'last') return values.at(-1)!
  return stat === 'min' ? Math.min(...values) : Math.max(...values)
}
