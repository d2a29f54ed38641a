import {
  type Engine,
  embedded,
  isMoment,
  microsOf,
  quoted,
  readExpression,
} from '../engine/index.ts'
import {
  arrivalColumn,
  type DeclaredAt,
  type FeatureGroupSpec,
  type LatestFeature,
} from '../spec/index.ts'
import { type Check, within } from './check-problems.ts'
import type { Versions } from './corrections.ts'
import type { GroupRows } from './group-rows.ts'

/*
 * Rows of one name that say different things at one moment: nobody could tell which of them holds,
 * and which one a store happens to take would change from one join to the next. Refused, with one
 * of them. Rows of equal content do no harm.
 */

/** Versions of a row that became known together and differ. */
export async function checkVersions(
  check: Check,
  engine: Engine,
  of: { readonly group: FeatureGroupSpec; readonly rows: GroupRows; readonly versions: Versions },
): Promise<void> {
  const { group, rows, versions } = of
  const at = within('Source', group.source)('key')
  for (const column of versions.key) {
    const place = group.sql === undefined ? at : within('FeatureGroup', group.name)('sql')
    const found = await check.try(place, () =>
      readExpression(engine, rows.relation, quoted(column)),
    )
    if (found === undefined) return
  }
  const keys = versions.key.map(quoted)
  // Sent again a row says the same, whenever it arrived.
  const columns = rows.relation.columns.filter(column => column.name !== arrivalColumn)
  const content = columns.map(column => quoted(column.name))
  const named = { keys, content, moments: [versions.eventTime, knownOf(group)] }
  await checkTied(check, engine, rows, { at, named, what: 'key' })
}

/** Rows of an entity of which `latest` could take either. */
export async function checkLatestTies(
  check: Check,
  engine: Engine,
  group: FeatureGroupSpec,
  rows: GroupRows,
): Promise<void> {
  for (const [, ofThese] of Map.groupBy(group.latest, ({ by }) => JSON.stringify(by))) {
    const [first] = ofThese as [LatestFeature]
    const named = {
      keys: first.by.map(quoted),
      content: [...new Set(ofThese.map(({ of }) => embedded(of)))],
      moments: [group.eventTime, knownOf(group)],
    }
    const at = within('FeatureGroup', group.name)('features', first.name)
    await checkTied(check, engine, rows, { at, named, what: 'entity' })
  }
}

/**
 * When a row counts from. Of rows that arrive ahead of their event that is one moment for all of
 * them, but they are numbered in order of arrival, so the later one holds and there is no tie.
 */
function knownOf({ knownAt, eventTime }: FeatureGroupSpec): string {
  if (knownAt === eventTime || knownAt.includes(arrivalColumn)) return knownAt
  return `greatest(${embedded(knownAt)}, ${embedded(eventTime)})`
}

interface Tied {
  readonly at: DeclaredAt
  readonly what: 'key' | 'entity'
  readonly named: {
    readonly keys: readonly string[]
    readonly content: readonly string[]
    /** Event time and known-at. */
    readonly moments: readonly string[]
  }
}

async function checkTied(
  check: Check,
  engine: Engine,
  rows: GroupRows,
  { at, what, named: { keys, content, moments } }: Tied,
): Promise<void> {
  const names = [...keys.map((_, k) => `k${k}`), 'happened', 'known']
  const columns = [
    ...keys.map((key, k) => `${key} as k${k}`),
    ...moments.map((moment, m) => `${microsOf(moment)} as ${names[keys.length + m]}`),
  ]
  const present = [...keys.map(key => `${key} is not null`), ...moments.map(time => isMoment(time))]
  const found = await check.try(at, () =>
    engine.rows<Record<string, unknown> & { all: number; happened: number }>(
      `with tied as (
         select ${names.join(', ')} from (
           select ${columns.join(', ')} from ${rows.from} where ${present.join(' and ')})
         group by all having count(*) > 1
       ), differing as (
         select ${names.join(', ')} from (
           select distinct ${[...columns, ...content.map((c, i) => `${c} as c${i}`)].join(', ')}
           from ${rows.from} where ${present.join(' and ')})
         semi join tied using (${names.join(', ')})
         group by all having count(*) > 1
       )
       select (count(*) over ())::double as all, happened,
         ${keys.map((_, k) => `cast(k${k} as varchar) as k${k}`).join(', ')}
       from differing order by ${names.join(', ')} limit 1`,
    ),
  )
  const [one] = found ?? []
  if (one === undefined) return
  const key = keys.map((_, k) => String(one[`k${k}`])).join(', ')
  const when = new Date(one.happened / 1_000).toISOString()
  check.say(
    at,
    'E_DUPLICATE_KEY',
    `${one.all.toLocaleString('en')} times two rows of one ${what} happened and became known at ` +
      `the same moment and differ: ${key} at ${when}`,
    what === 'key'
      ? 'remove one of them, or let the later one be known later: knownAt'
      : 'remove one of them, or give the source a `key` and its corrections a later knownAt',
  )
}
