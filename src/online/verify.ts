import { MusterError } from '../base/errors.ts'
import type { SeededRandom } from '../base/random.ts'
import { lookupAsOf, openCurrent, openSources } from '../features/index.ts'
import type { Blobs, SourceData } from '../fleet/index.ts'
import { type IntakeAt, takeSources } from '../intake/index.ts'
import type { FeatureGroupSpec, FleetSpec, SourceSpec, ViewFeature } from '../spec/index.ts'
import { type FeatureCheck, readCommit, recordChecks, snapshotLeft } from '../store/index.ts'
import type { Generation, Kind } from './generation.ts'
import type { KeptValue } from './kept-rows.ts'
import { entityOf } from './keys.ts'
import type { OnlineFeatures } from './online-features.ts'
import type { OnlineStore } from './store.ts'

/*
 * Whether what is served is what would be trained on: a sample of online vectors, each computed
 * again from the snapshot as of the moment at which it was read.
 */

export type FeatureFinding = Omit<FeatureCheck, 'number' | 'at'>

export interface VerifyAsk {
  /** These groups only; E_NOT_FOUND for one that is not read online. */
  readonly groups?: readonly string[] | undefined
  /** Entities of each kind: so many of the snapshot, and up to as many that the store has. */
  readonly sample: number
  readonly chance: SeededRandom
}

export interface VerifyPlace {
  readonly online: OnlineFeatures
  readonly store: OnlineStore
  /** Rows that were pushed come into a snapshot first: offline there is nothing else. */
  readonly intake: IntakeAt
}

type Values = readonly KeptValue[]

/** Windows are added up in another order than those of frames: the last bits of a double differ. */
const relativeMax = 1e-9
/** Keys that are looked through for each entity that is drawn from the store. */
const keysPerEntity = 20

/** Compares, and keeps what was found under the number that it gives. */
export async function verifyOnline(
  fleet: FleetSpec,
  ask: VerifyAsk,
  place: VerifyPlace,
): Promise<{ readonly number: number; readonly findings: readonly FeatureFinding[] }> {
  const { online, intake } = place
  const findings: FeatureFinding[] = []
  for (const name of ask.groups ?? online.groups()) {
    const read = online.generation(name)
    const source = read && fleet.sources.get(read.source)
    if (source === undefined) {
      throw new MusterError('E_NOT_FOUND', `no group \`${name}\` is read online`, {
        field: 'group',
        hint: `these are: ${online.groups().join(', ') || 'none'}`,
      })
    }
    // What is set aside by the snapshot of this moment is still read, until the store follows it.
    if ('push' in source.location) await takeSources([source], intake)
    await online.follow(fleet, { groups: [name] })
    findings.push(...(await verifyGroup(name, source, ask, place)))
  }
  const number = await recordChecks(intake.store, findings, intake.clock.now())
  return { number, findings }
}

/** In order of feature. Nothing is found of a source without a snapshot. */
async function verifyGroup(
  name: string,
  source: SourceSpec,
  ask: VerifyAsk,
  place: VerifyPlace,
): Promise<readonly FeatureFinding[]> {
  const findings: FeatureFinding[] = []
  const generation = place.online.generation(name)
  if (generation === undefined) return []
  const { group } = generation.record.definition
  for (const [at, kind] of generation.kinds.entries()) {
    const before = await snapshotOf(generation, kind, source, place)
    if (before === undefined) return []
    const { entities, texts } = await sampleOf(generation, at, before, ask, place)
    if (entities.length === 0) continue
    const features = [...kind.latest, ...kind.windows].map(({ name }) => name)
    const columns = kind.by.map((_, b) => entities.map(entity => entity[b]!))
    const nowMs = place.intake.clock.now().getTime()
    const lookup = { group: group.name, by: kind.by, features, entities: columns }
    const [found] = await place.online.lookup([lookup], nowMs)
    // What has streamed in since the first snapshot was read above, and is in this one.
    const after = (await snapshotOf(generation, kind, source, place)) ?? before
    const asked = { group, kind, columns, texts, nowMs }
    const again = await offline(asked, after, place.intake.blobs)
    for (const [f, feature] of features.entries()) {
      const sides = { online: found![f]!.values, offline: again.get(feature)! }
      findings.push({ group: group.name, feature, ...compared(entities, sides) })
    }
  }
  return findings.sort((a, b) => (a.feature < b.feature ? -1 : 1))
}

/** Of what streams in, everything by now; of all else what the generation was made from. */
async function snapshotOf(
  { record }: Generation,
  { streams }: Kind,
  source: SourceSpec,
  { intake }: VerifyPlace,
): Promise<SourceData | undefined> {
  if ('push' in source.location && streams) {
    const [taken] = await takeSources([source], intake)
    return taken?.snapshot && { spec: source, snapshot: taken.snapshot }
  }
  const commit = record.commit === null ? undefined : await readCommit(intake.store, record.commit)
  const snapshot = commit && (await snapshotLeft(intake.store, commit.snapshot))
  return snapshot && { spec: source, snapshot }
}

/** Entities that either side has, and the features whose values are texts. */
async function sampleOf(
  generation: Generation,
  at: number,
  source: SourceData,
  ask: VerifyAsk,
  { store, intake }: VerifyPlace,
) {
  const { group } = generation.record.definition
  const kind = generation.kinds[at]!
  const { engine, sources } = await openSources([source], intake.blobs)
  await using _open = engine
  const current = await openCurrent(engine, group, sources.get(group.source)!, kind)
  const drawn = await current.sample(ask.sample, ask.chance.below(2 ** 31))
  const keys = [...(await store.keys(kind.prefix, keysPerEntity * ask.sample))]
  const kept: (readonly string[])[] = []
  while (kept.length < ask.sample && keys.length > 0) {
    const [key] = keys.splice(ask.chance.below(keys.length), 1)
    const entity = entityOf(kind.prefix, key!)
    if (entity !== undefined) kept.push(entity)
  }
  const entities = new Map([...drawn, ...kept].map(entity => [JSON.stringify(entity), entity]))
  const isText = (of: string) => kind.columns.some((c, i) => c.of === of && current.texts[i])
  const texts = new Set(kind.latest.filter(({ of }) => isText(of)).map(({ name }) => name))
  return { entities: [...entities.values()], texts }
}

interface OfflineAsk {
  readonly group: FeatureGroupSpec
  readonly kind: Kind
  /** By column of the kind. */
  readonly columns: readonly (readonly string[])[]
  readonly texts: ReadonlySet<string>
  readonly nowMs: number
}

async function offline(
  { group, kind, columns, texts, nowMs }: OfflineAsk,
  source: SourceData,
  blobs: Blobs,
): Promise<ReadonlyMap<string, Values>> {
  const named = Object.fromEntries(kind.by.map((column, b) => [column, columns[b]!]))
  const asOfMs = new Float64Array(columns[0]!.length).fill(nowMs)
  const features = [...kind.latest, ...kind.windows].map(
    ({ name }): ViewFeature => ({
      name,
      from: { kind: 'group', group: group.name, feature: name },
      ...(texts.has(name) && { type: 'category' }),
      transform: [],
    }),
  )
  const rows = { columns: named, asOfMs }
  const ask = { features, groups: [group], sources: [source], rows }
  const plain = (value: KeptValue) => (Number.isNaN(value) ? null : value)
  return new Map(
    [...(await lookupAsOf(ask, { blobs }))].map(([name, values]) => [
      name,
      Array.from(values as ArrayLike<KeptValue>, plain),
    ]),
  )
}

function compared(
  entities: readonly (readonly string[])[],
  sides: { readonly online: Values; readonly offline: Values },
): Omit<FeatureFinding, 'group' | 'feature'> {
  const found = { equal: 0, different: 0, onlyOnline: 0, onlyOffline: 0 }
  let maxAbs: number | null = null
  let maxRelative: number | null = null
  let example: unknown = null
  for (const [at, entity] of entities.entries()) {
    const [online, offline] = [sides.online[at]!, sides.offline[at]!]
    const apart = apartOf(online, offline)
    if (typeof online === 'number' && typeof offline === 'number') {
      maxAbs = Math.max(maxAbs ?? 0, Math.abs(online - offline))
      maxRelative = Math.max(maxRelative ?? 0, apart)
    }
    if (apart <= relativeMax) {
      found.equal += 1
      continue
    }
    if (offline === null) found.onlyOnline += 1
    else if (online === null) found.onlyOffline += 1
    else found.different += 1
    example ??= { entity, online, offline }
  }
  return { compared: entities.length, ...found, maxAbs, maxRelative, example }
}

/** How far two values are apart, relative to the larger; Infinity when they are of no one kind. */
function apartOf(a: KeptValue, b: KeptValue): number {
  if (a === b) return 0
  if (typeof a !== 'number' || typeof b !== 'number') return Number.POSITIVE_INFINITY
  return Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b))
}
