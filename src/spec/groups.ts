import { nearest } from '../base/nearest.ts'
import type { DeclaredKind, FleetReading } from './declared.ts'
import type {
  FeatureGroupSpec,
  LatestFeature,
  SourceSpec,
  WindowFeature,
  WindowLength,
  WindowStat,
} from './fleet-spec.ts'
import { knownOnArrival } from './kept.ts'
import { asColumn, complainOfTwice } from './source-parts.ts'

/*
 * Windows to features. One feature is one statistic over one window of one entity, and its name
 * says so: `origin_destination_mean_5rows`.
 */

type Window = DeclaredKind<'FeatureGroup'>['value']['windows'][number]

export function readGroup(
  declared: DeclaredKind<'FeatureGroup'>,
  owner: string,
  sources: ReadonlyMap<string, SourceSpec>,
  reading: FleetReading,
): FeatureGroupSpec {
  const { document, value } = declared
  const source = sources.get(value.source)
  if (!source) {
    const near = nearest(value.source, sources.keys(), 1)
    reading.complainOfReference(
      declared,
      ['source'],
      { kind: 'Source', name: value.source },
      {
        message: `group \`${value.name}\` reads source \`${value.source}\``,
        cure: near[0] ? `use \`${near[0]}\`` : 'declare it, or name one that is declared',
      },
    )
  }
  const pushed = source && 'push' in source.location ? source.columns : {}
  const eventTime = asColumn(value.eventTime, pushed) ?? source?.eventTime
  if (source && eventTime === undefined) {
    reading.complain(declared, [], 'value', {
      code: 'E_SPEC_MISSING_FIELD',
      message: `group \`${value.name}\` has no \`eventTime\`, and neither has its source`,
      cure: 'add `eventTime:`, the column or expression of when a row happened',
    })
  }
  return {
    name: value.name,
    source: value.source,
    sql: value.sql,
    eventTime: eventTime ?? '',
    knownAt: value.knownAt ?? knownAtOf(source, eventTime ?? ''),
    features: readWindows(declared, reading),
    latest: readLatest(declared, reading),
    online: value.online,
    owner,
    ...(value.description !== undefined && { description: value.description }),
    place: document.place,
  }
}

/** When a row of the source became known, where the group does not say it. */
function knownAtOf(source: SourceSpec | undefined, eventTime: string): string {
  if (source === undefined || !('push' in source.location)) return eventTime
  return knownOnArrival(eventTime)
}

function readWindows(
  declared: DeclaredKind<'FeatureGroup'>,
  reading: FleetReading,
): readonly WindowFeature[] {
  const features: WindowFeature[] = []
  const windowOf = new Map<string, number>()
  for (const [index, window] of declared.value.windows.entries()) {
    const at = ['windows', index]
    checkWindow(declared, window, index, reading)
    for (const feature of expand(window)) {
      const earlier = windowOf.get(feature.name)
      if (earlier === undefined) {
        windowOf.set(feature.name, index)
        features.push(feature)
        continue
      }
      const same = earlier === index
      reading.complain(declared, at, 'value', {
        code: 'E_SPEC_FEATURE_CLASH',
        message: same
          ? `window ${index + 1} of group \`${declared.value.name}\` ` +
            `gives \`${feature.name}\` twice`
          : `windows ${earlier + 1} and ${index + 1} of group \`${declared.value.name}\` ` +
            `both give \`${feature.name}\``,
        cure: same
          ? 'name each statistic and each window once'
          : `add \`as:\` with ${window.as === undefined ? 'a' : 'another'} word to one of them`,
      })
      break
    }
  }
  return features
}

/** Names are the group's own: two entries, or an entry and a window, may not give one name. */
function readLatest(
  declared: DeclaredKind<'FeatureGroup'>,
  reading: FleetReading,
): readonly LatestFeature[] {
  const { value } = declared
  const taken = new Set(value.windows.flatMap(window => expand(window).map(f => f.name)))
  const found: LatestFeature[] = []
  for (const [index, { by, values, ttl }] of value.latest.entries()) {
    complainOfTwice(declared, by, ['latest', index, 'by'], reading)
    for (const [name, of] of Object.entries(values)) {
      if (taken.has(name)) {
        reading.complain(declared, ['latest', index, 'values', name], 'key', {
          code: 'E_SPEC_FEATURE_CLASH',
          message: `group \`${value.name}\` has two features \`${name}\``,
          cure: 'give one of them another name',
        })
      }
      taken.add(name)
      found.push({ name, by, of, ttlMs: ttl === undefined ? undefined : durationMs(ttl) })
    }
  }
  if (taken.size === 0 && !declared.damaged.has('windows') && !declared.damaged.has('latest')) {
    reading.complain(declared, [], 'value', {
      code: 'E_SPEC_MISSING_FIELD',
      message: `group \`${value.name}\` has no features`,
      cure: 'add `windows:` or `latest:`',
    })
  }
  return found
}

/** The place of the window that gives the feature. */
export function windowOfFeature(windows: readonly Window[], feature: string): number {
  return windows.findIndex(window => expand(window).some(({ name }) => name === feature))
}

function checkWindow(
  declared: DeclaredKind<'FeatureGroup'>,
  window: Window,
  index: number,
  reading: FleetReading,
): void {
  complainOfTwice(declared, window.by, ['windows', index, 'by'], reading)
  const needs = window.stats.findIndex(stat => stat !== 'count')
  if (window.of === undefined && needs >= 0) {
    reading.complain(declared, ['windows', index, 'stats', needs], 'value', {
      code: 'E_SPEC_MISSING_FIELD',
      message:
        `window ${index + 1} of group \`${declared.value.name}\` ` +
        `takes the ${window.stats[needs]} of nothing`,
      cure: 'add `of:`, the value; without it only rows are counted',
    })
  }
}

function expand(window: Window): readonly WindowFeature[] {
  const entity = window.by.map(column => column.toLowerCase().replace(/[^a-z0-9_]/g, '_')).join('_')
  // A feature's name begins with a letter, also where the column's does not.
  const head = [/^[a-z]/.test(entity) ? entity : `by_${entity}`, window.as]
    .filter(Boolean)
    .join('_')
  return window.stats.flatMap((stat: WindowStat) =>
    window.over.map(text => {
      const over = readWindowLength(text)
      const length = over.kind === 'rows' ? `${over.rows}rows` : text
      return {
        name: `${head}_${stat}_${length}`,
        by: window.by,
        of: window.of ?? '1',
        stat,
        over,
      }
    }),
  )
}

const unitMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `30m`, `24h`, `7d`: the form was checked by the schema. */
export function durationMs(text: string): number {
  return Number.parseInt(text, 10) * (unitMs[text.at(-1) ?? ''] ?? 0)
}

/** `30m`, `24h`, `7d`, `5 rows`: the form was checked by the schema. */
export function readWindowLength(text: string): WindowLength {
  const size = Number.parseInt(text, 10)
  const ms = unitMs[text.at(-1) ?? '']
  return ms === undefined || text.includes(' ')
    ? { kind: 'rows', rows: size }
    : { kind: 'time', ms: size * ms }
}
