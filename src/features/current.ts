import { must } from '../base/assert.ts'
import {
  type Engine,
  embedded,
  isBoolean,
  isMoment,
  isNumber,
  microsOf,
  numberOf,
  quoted,
  type ResultColumn,
  readExpression,
} from '../engine/index.ts'
import type { FeatureGroupSpec, LatestFeature, SourceSpec, WindowFeature } from '../spec/index.ts'
import { areTogether, versionsOf } from './corrections.ts'
import { type GroupRows, openGroupRows } from './group-rows.ts'
import { rowNumberSql } from './spine.ts'
import type { OpenSource } from './view-rows.ts'

/*
 * The rows of a group as the online store keeps them: by entity, as text, with the values that its
 * features are of. By the same SQL from a snapshot, where only those are read that can still count,
 * and from rows that have just arrived.
 */

/** What is kept of a row: a value as it is, as a number, or whether there is one. */
export interface KeptColumn {
  readonly of: string
  readonly as: 'value' | 'number' | 'count'
}

/** The features of a group with the same entity columns, and what they need of a row. */
export interface EntityKind {
  readonly by: readonly string[]
  readonly latest: readonly LatestFeature[]
  readonly windows: readonly WindowFeature[]
  readonly columns: readonly KeptColumn[]
  /** Whether rows of one entity and event time are versions of one row. */
  readonly versions: boolean
  /** Whether a row counts by itself, so that it may be added as it arrives. */
  readonly streams: boolean
}

export function entityKinds(group: FeatureGroupSpec, source: SourceSpec): readonly EntityKind[] {
  const versions = versionsOf(group, source)
  const all = [...group.latest, ...group.features]
  return [...Map.groupBy(all, feature => JSON.stringify(feature.by)).values()].map(features => {
    const { by } = features[0]!
    const windows = features.filter(feature => 'stat' in feature)
    const latest = features.filter((feature): feature is LatestFeature => !('stat' in feature))
    const together = versions !== undefined && areTogether(versions, group, by)
    return {
      by,
      latest,
      windows,
      columns: columnsOf(latest, windows),
      versions: together,
      // A correction may move a row to another entity, and a SELECT may look at many rows.
      streams: group.sql === undefined && (versions === undefined || together),
    }
  })
}

function columnsOf(
  latest: readonly LatestFeature[],
  windows: readonly WindowFeature[],
): readonly KeptColumn[] {
  const values = [...new Set(latest.map(({ of }) => of))].map(of => ({ of, as: 'value' as const }))
  const aggregated = [...Map.groupBy(windows, ({ of }) => of)].map(([of, features]) => ({
    of,
    as: features.every(({ stat }) => stat === 'count') ? ('count' as const) : ('number' as const),
  }))
  return [...values, ...aggregated]
}

/** A row with all its values; numbers that are missing or infinite are null. */
export interface CurrentRow {
  /** The entity's values as text, as DuckDB writes them. */
  readonly entity: readonly string[]
  /** When it became known, never before it happened; microseconds since 1970. */
  readonly knownUs: number
  readonly eventUs: number
  readonly number: number
  readonly values: readonly (number | string | null)[]
}

/** What of a snapshot can count at a time or later. */
export interface Reach {
  readonly asOfUs: number
  /** So long windows reach back; 0: there is none in time. */
  readonly windowUs: number
  readonly windowRows: number
}

/** Checks and binds the expressions of one kind of entity of a group. */
export async function openCurrent(
  engine: Engine,
  group: FeatureGroupSpec,
  source: OpenSource,
  kind: EntityKind,
): Promise<CurrentRows> {
  const rows = await openGroupRows(engine, group, source)
  const read = (sql: string) => readExpression(engine, rows.relation, sql)
  await read(group.eventTime)
  await read(group.knownAt)
  for (const column of kind.by) await read(quoted(column))
  const values: KeptSql[] = []
  for (const { of, as } of kind.columns) {
    const { type } = await read(of)
    const isText = as === 'value' && !isNumber(type) && !isBoolean(type)
    const counted = as === 'count' ? `case when ${embedded(of)} is null then null else 1 end` : of
    const sql = isText ? `cast(${embedded(of)} as varchar)` : numberOf(counted, 'double')
    values.push({ sql, isText })
  }
  const versions = versionsOf(group, source.spec)
  if (versions !== undefined) {
    for (const column of versions.key) await read(quoted(column))
    await read(versions.eventTime)
  }
  return new CurrentRows(engine, group, source.spec, rows, kind, values)
}

interface KeptSql {
  readonly sql: string
  readonly isText: boolean
}

export class CurrentRows {
  /** By column of the kind: whether its values are texts. */
  readonly texts: readonly boolean[]
  readonly #engine: Engine
  readonly #group: FeatureGroupSpec
  readonly #source: SourceSpec
  readonly #rows: GroupRows
  readonly #kind: EntityKind
  readonly #values: readonly string[]

  constructor(
    engine: Engine,
    group: FeatureGroupSpec,
    source: SourceSpec,
    rows: GroupRows,
    kind: EntityKind,
    values: readonly KeptSql[],
  ) {
    this.#engine = engine
    this.#group = group
    this.#source = source
    this.#rows = rows
    this.#kind = kind
    this.#values = values.map(value => value.sql)
    this.texts = values.map(value => value.isText)
  }

  /** Every row that has an entity and both times, in no order. */
  async all(take: (rows: readonly CurrentRow[]) => Promise<void> | void): Promise<void> {
    await this.#stream(this.allSql(), take)
  }

  /** SQL of every row that has an entity and both times, in no order; see `rowsOf`. */
  allSql(): string {
    return `select ${this.#outputs()} from (${this.#timed('')}) where ${this.#named()}`
  }

  /** The rows that can count at `asOfUs` or later, those of one entity after each other. */
  async counting(
    reach: Reach,
    take: (rows: readonly CurrentRow[]) => Promise<void> | void,
  ): Promise<void> {
    const { asOfUs, windowUs, windowRows } = reach
    const by = this.#kind.by.map((_, b) => `e${b}`).join(', ')
    const rank = (order: string) =>
      `row_number() over (partition by ${by}, known > ${asOfUs} order by ${order})`
    const counts = [
      `known > ${windowUs > 0 ? asOfUs - windowUs : asOfUs}`,
      ...(this.#kind.latest.length > 0 ? ['newest = 1'] : []),
      ...(windowRows > 0 ? [`last <= ${windowRows}`] : []),
    ]
    const ranks = [
      ...(this.#kind.latest.length > 0
        ? [`${rank('event desc, known desc, number desc')} as newest`]
        : []),
      ...(windowRows > 0 ? [`${rank('known desc, event desc, number desc')} as last`] : []),
    ]
    const until = this.#until()
    const still = until === '' ? 'true' : `(until is null or until > ${asOfUs})`
    await this.#stream(
      `select ${this.#outputs()}
       from (select ${['*', ...ranks].join(', ')}
             from (${this.#timed(until)}) where ${this.#named()} and ${still})
       where ${counts.join(' or ')} order by ${by}`,
      take,
    )
  }

  /** Up to so many entities of all rows, by a seeded draw. */
  async sample(count: number, seed: number): Promise<readonly (readonly string[])[]> {
    const by = this.#kind.by.map((_, b) => `e${b}`)
    const rows = await this.#engine.rows<Record<string, string>>(
      `select ${by.join(', ')} from (
         select distinct ${by.join(', ')} from (${this.#timed('')}) where ${this.#named()}
         order by all
       ) using sample reservoir(${count} rows) repeatable (${seed})`,
    )
    return rows.map(row => by.map(name => must(row[name], 'an entity has its values')))
  }

  #outputs(): string {
    const entity = this.#kind.by.map((_, b) => `e${b}`)
    return [...entity, 'event', 'known', 'number', ...this.#values.map((_, v) => `v${v}`)].join(
      ', ',
    )
  }

  #named(): string {
    return this.#kind.by.map((_, b) => `e${b} is not null`).join(' and ')
  }

  #timed(until: string): string {
    const { eventTime, knownAt } = this.#group
    const list = [
      ...this.#kind.by.map((column, b) => `cast(${quoted(column)} as varchar) as e${b}`),
      `${microsOf(eventTime)} as event`,
      `greatest(${microsOf(knownAt)}, ${microsOf(eventTime)}) as known`,
      `${quoted(this.#rows.named)}.${rowNumberSql}::double as number`,
      ...this.#values.map((sql, v) => `${sql} as v${v}`),
      ...(until === '' ? [] : [until]),
    ]
    const where = [eventTime, knownAt].map(time => isMoment(time)).join(' and ')
    return `select ${list.join(',\n')}\nfrom ${this.#rows.from} where ${where}`
  }

  /** When the next version of the row became known; '' where rows have no versions. */
  #until(): string {
    const versions = versionsOf(this.#group, this.#source)
    if (versions === undefined) return ''
    const keys = versions.key.map(quoted)
    const known = `greatest(${microsOf(this.#group.knownAt)}, ${microsOf(this.#group.eventTime)})`
    const partition = [...keys, microsOf(versions.eventTime)].join(', ')
    const complete = [...keys.map(key => `${key} is not null`), isMoment(versions.eventTime)]
    return `case when ${complete.join(' and ')} then lead(${known}) over (
      partition by ${partition} order by ${known}, ${quoted(this.#rows.named)}.${rowNumberSql}
    ) end as until`
  }

  #stream(sql: string, take: (rows: readonly CurrentRow[]) => Promise<void> | void): Promise<void> {
    return this.#engine.streamValues(sql, (columns, count) => take(this.rowsOf(columns, count)))
  }

  /** The rows of columns that the SQL of this class gives. */
  rowsOf(columns: readonly ResultColumn[], count: number): readonly CurrentRow[] {
    const entities = this.#kind.by.length
    const rows = new Array<CurrentRow>(count)
    const [eventUs, knownUs, number] = columns.slice(entities) as [number[], number[], number[]]
    const named = columns.slice(0, entities)
    const values = columns.slice(entities + 3) as readonly ArrayLike<number | string | null>[]
    for (let row = 0; row < count; row++) {
      rows[row] = {
        entity: named.map(column => String(column[row])),
        knownUs: must(knownUs[row], 'every row has it'),
        eventUs: must(eventUs[row], 'every row has it'),
        number: must(number[row], 'every row has it'),
        values: values.map(column => present(column[row] ?? null)),
      }
    }
    return rows
  }
}

function present(value: number | string | null): number | string | null {
  return typeof value === 'number' && !Number.isFinite(value) ? null : value
}
