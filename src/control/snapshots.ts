import type { SnapshotsDesk } from '../api/index.ts'
import { MusterError } from '../base/errors.ts'
import type {
  PageAsk,
  ProfileView,
  QuarantinePage,
  ReleaseAnswer,
  ReleaseAsk,
  SnapshotDiffView,
  SnapshotFacts,
} from '../contract/index.ts'
import { readJson, type SnapshotProfile } from '../fleet/index.ts'
import { quarantinedRows, releaseRows } from '../intake/index.ts'
import { diffSnapshots, profileOf, stabilityIndex } from '../sources/index.ts'
import { readFleet, type SourceSpec } from '../spec/index.ts'
import { newestSpec } from '../store/index.ts'
import type { DeskParts } from './desk-parts.ts'
import { type NamedSnapshot, namedSnapshot } from './snapshot-names.ts'
import { declaredSource } from './sources.ts'

export function snapshotsDesk(parts: DeskParts): SnapshotsDesk {
  return {
    profile: (source, of) => profile(source, of, parts),
    diff: (from, to) => diff(from, to, parts),
    quarantine: (source, ask) => quarantine(source, ask, parts),
    release: (source, ask) => release(source, ask, parts),
  }
}

/** The source as the fleet declares it; before it was first applied, as it was last planned. */
async function knownSource(name: string, parts: DeskParts): Promise<SourceSpec> {
  const applied = (await parts.fleet.spec())?.sources.get(name)
  if (applied) return applied
  const planned = await newestSpec(parts.store)
  const spec = planned && readFleet(planned.files, { dataRoots: 'accepted' }).spec
  return spec?.sources.get(name) ?? declaredSource(parts, name)
}

function factsOf({ snapshot, commit }: NamedSnapshot): SnapshotFacts {
  const time = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())
  return {
    snapshot: snapshot.id,
    commit: commit ? `c-${commit.number}` : null,
    rows: snapshot.rows,
    setAside: snapshot.setAside?.rows ?? 0,
    from: time(snapshot.fromMs),
    to: time(snapshot.toMs),
  }
}

async function profileIn(
  source: SourceSpec,
  { snapshot, commit }: NamedSnapshot,
  { blobs }: DeskParts,
): Promise<SnapshotProfile> {
  const isIts = commit?.snapshot === snapshot.id
  if (isIts && commit.profile && (await blobs.has(commit.profile))) {
    return readJson(blobs, commit.profile)
  }
  return profileOf(source, snapshot, blobs)
}

async function profile(
  name: string,
  of: string | undefined,
  parts: DeskParts,
): Promise<ProfileView> {
  const isSnapshot = of === undefined && /^c-\d+$|@/.test(name)
  const declared = isSnapshot ? undefined : await knownSource(name, parts)
  const named = await namedSnapshot(of ?? name, parts.store)
  const source = declared ?? (await knownSource(named.snapshot.source, parts))
  if (named.snapshot.source !== source.name) {
    throw new MusterError('E_QUERY', `${of} is a snapshot of ${named.snapshot.source}`, {
      field: 'of',
      hint: `see the history of ${name}: muster data history ${name}`,
    })
  }
  const { entities, columns } = await profileIn(source, named, parts)
  return { ...factsOf(named), source: source.name, entities, columns: ownCopy(columns) }
}

/** The types of an answer are mutable; what it is made from is not. */
function ownCopy<T>(value: T): Mutable<T> {
  return structuredClone(value) as Mutable<T>
}
type Mutable<T> = { -readonly [K in keyof T]: Mutable<T[K]> }

async function diff(from: string, to: string, parts: DeskParts): Promise<SnapshotDiffView> {
  const before = await namedSnapshot(from, parts.store)
  const now = await namedSnapshot(to, parts.store)
  const name = now.snapshot.source
  if (before.snapshot.source !== name) {
    const detail = `${from} is a snapshot of ${before.snapshot.source}, and ${to} of ${name}`
    throw new MusterError('E_QUERY', detail, { hint: 'name two snapshots of one source' })
  }
  const source = await knownSource(name, parts)
  const found = await diffSnapshots(source, before.snapshot, now.snapshot, parts.blobs)
  const profiles = [await profileIn(source, before, parts), await profileIn(source, now, parts)]
  const [then, since] = profiles.map(p => new Map(p.columns.map(c => [c.name, c])))
  const columns = [...new Set([...(since?.keys() ?? []), ...(then?.keys() ?? [])])].map(column => {
    const was = then?.get(column)
    const is = since?.get(column)
    return {
      name: column,
      from: was ? ownCopy(was) : null,
      to: is ? ownCopy(is) : null,
      drift: (was && is && stabilityIndex(was, is)) ?? null,
    }
  })
  const { schema, rows, entities = null } = ownCopy(found)
  const sides = { from: factsOf(before), to: factsOf(now) }
  return { source: name, key: [...source.key], ...sides, schema, rows, entities, columns }
}

async function quarantine(
  name: string,
  { limit, after }: PageAsk,
  parts: DeskParts,
): Promise<Omit<QuarantinePage, 'nextCursor'>> {
  const source = await knownSource(name, parts)
  const page = { limit, ...(after ? { afterRow: Number(after.id) } : {}) }
  const found = await quarantinedRows(source, page, parts)
  if (!found) return { commit: null, rows: 0, columns: [], findings: [], items: [] }
  return {
    commit: `c-${found.commit}`,
    rows: found.rows,
    columns: [...found.columns],
    findings: found.findings.map(({ index, expected, onFail, holds, count, because }) => ({
      number: index + 1,
      expected,
      onFail,
      holds,
      count,
      because,
    })),
    items: found.page.map(({ row, place, expectations, values }) => ({
      row,
      file: place?.file ?? null,
      rowInFile: place?.row ?? null,
      expectations: expectations.map(index => index + 1),
      values: [...values],
    })),
  }
}

async function release(name: string, ask: ReleaseAsk, parts: DeskParts): Promise<ReleaseAnswer> {
  const source = await knownSource(name, parts)
  // People count expectations from 1, as messages about declarations do.
  const asked = 'expectation' in ask ? { expectation: ask.expectation - 1 } : ask
  const { rows, commit, outcome } = await releaseRows(source, asked, parts)
  return { rows, commit: `c-${commit}`, outcome }
}
