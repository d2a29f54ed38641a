import { type Digest, digestOfValue } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import { type EntityKind, entityKinds, type LookupAsk } from '../features/index.ts'
import type { FeatureGroupSpec, LatestFeature, SourceSpec, WindowFeature } from '../spec/index.ts'
import type { OnlineGeneration } from '../store/index.ts'
import { AppliedRows } from './applied-rows.ts'
import { type KeepRule, rowsMax } from './kept-rows.ts'
import { generationPrefix, kindPrefix, markerKey } from './keys.ts'

/*
 * Everything that the online store keeps of a group under one declaration. What is read is read by
 * the definition that it was written by, not by the newest declared.
 */

export interface Definition {
  readonly group: FeatureGroupSpec
  readonly kinds: readonly EntityKind[]
}

/** Where the value of a feature is found. */
export interface FeaturePlace {
  readonly feature: LatestFeature | WindowFeature
  /** Its place among the kinds. */
  readonly kind: number
  /** Its place among the values of a row. */
  readonly column: number
}

export interface Kind extends EntityKind {
  readonly prefix: Buffer
  readonly rule: KeepRule
}

/** What an ask wants of one kind of entity; `at` is the place among the features of the ask. */
export interface KindRead {
  readonly kind: Kind
  /** Features of one age at most stand together: whether they are too old is one question. */
  readonly latest: readonly {
    readonly ttlMs: number | undefined
    readonly wanted: readonly { readonly column: number; readonly at: number }[]
  }[]
  readonly windows: readonly {
    readonly feature: WindowFeature
    readonly column: number
    readonly at: number
  }[]
}

export class Generation {
  /** By list of features: whoever asks for the same again hands in the same list. */
  readonly #reads = new WeakMap<readonly string[], readonly KindRead[]>()
  readonly record: OnlineGeneration<Definition>
  readonly prefix: Buffer
  /** That it was written to its end, and that the store still holds it. */
  readonly marker: Buffer
  readonly kinds: readonly Kind[]
  readonly places: ReadonlyMap<string, FeaturePlace>
  readonly applied: AppliedRows

  /** `applied`: of the same generation, before another commit was noted of it. */
  constructor(record: OnlineGeneration<Definition>, applied = new AppliedRows()) {
    this.record = record
    this.applied = applied
    this.prefix = generationPrefix(record.fleet, record.group, record.word)
    this.marker = markerKey(this.prefix)
    this.kinds = record.definition.kinds.map((kind, at) => ({
      ...kind,
      prefix: kindPrefix(this.prefix, at),
      rule: ruleOf(kind),
    }))
    this.places = new Map(this.kinds.flatMap(placesOf))
  }

  get source(): string {
    return this.record.definition.group.source
  }

  /** Features that it does not hold are left out. */
  readsOf({ features }: Pick<LookupAsk, 'features'>): readonly KindRead[] {
    const before = this.#reads.get(features)
    if (before !== undefined) return before
    const wanted = features.flatMap((name, at) => {
      const place = this.places.get(name)
      return place === undefined ? [] : [{ ...place, at }]
    })
    const reads = Array.from(
      Map.groupBy(wanted, ({ kind }) => kind),
      ([kind, ofKind]) => ({
        kind: this.kinds[kind]!,
        latest: latestOf(ofKind),
        windows: ofKind.flatMap(({ feature, column, at }) =>
          'stat' in feature ? [{ feature, column, at }] : [],
        ),
      }),
    )
    this.#reads.set(features, reads)
    return reads
  }

  /** Whether all its rows may be added as they arrive; else it is built anew for each commit. */
  get streams(): boolean {
    return this.kinds.every(kind => kind.streams)
  }
}

function latestOf(wanted: readonly (FeaturePlace & { readonly at: number })[]): KindRead['latest'] {
  const latest = wanted.flatMap(({ feature, column, at }) =>
    'stat' in feature ? [] : [{ ttlMs: feature.ttlMs, column, at }],
  )
  const byAge = Map.groupBy(latest, ({ ttlMs }) => ttlMs)
  return Array.from(byAge, ([ttlMs, ofAge]) => ({ ttlMs, wanted: ofAge }))
}

function placesOf(kind: EntityKind, at: number): readonly (readonly [string, FeaturePlace])[] {
  return [...kind.latest, ...kind.windows].map(feature => {
    const aggregated = 'stat' in feature
    const column = kind.columns.findIndex(
      ({ of, as }) => of === feature.of && (as !== 'value') === aggregated,
    )
    return [feature.name, { feature, kind: at, column }]
  })
}

export function ruleOf({ latest, windows, versions }: EntityKind): KeepRule {
  const lengths = windows.map(({ over }) => over)
  return {
    versions,
    newest: latest.length > 0,
    windowUs: Math.max(0, ...lengths.map(over => (over.kind === 'time' ? over.ms * 1_000 : 0))),
    windowRows: Math.max(0, ...lengths.map(over => (over.kind === 'rows' ? over.rows : 0))),
  }
}

/** Throws E_ONLINE for a window that reaches further back than is kept. */
export function definitionOf(
  group: FeatureGroupSpec,
  source: SourceSpec,
): { definition: Definition; digest: Digest } {
  for (const { name, over } of group.features) {
    if (over.kind === 'time' || over.rows <= rowsMax) continue
    throw tooMany(group.name, `\`${name}\` is over ${over.rows.toLocaleString('en')} rows`)
  }
  const kinds = entityKinds(group, source)
  const { sql, eventTime, knownAt } = group
  const { key } = source
  const rows = { source: group.source, sql, eventTime, knownAt, key, moment: source.eventTime }
  // By way of JSON, as it is stored: what is undefined is not there.
  const meaning: unknown = JSON.parse(JSON.stringify({ form: recordForm, rows, kinds }))
  return { definition: { group, kinds }, digest: digestOfValue(meaning) }
}

/** Of the bytes of a record: a generation of another form is built anew. */
const recordForm = 1

export function tooMany(group: string, what: string): MusterError {
  return new MusterError(
    'E_ONLINE',
    `group \`${group}\` cannot be kept online: ${what}, and ${rowsMax.toLocaleString('en')} of one ` +
      'entity are kept',
    {
      field: group,
      hint: 'shorten the window, make the rows coarser by a SELECT, or set `online: false`',
    },
  )
}
