import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { SentFile, SourcesDesk } from '../api/index.ts'
import { MusterError } from '../base/errors.ts'
import type { AppendAnswer, CommitRow, PageAsk, SourceView } from '../contract/index.ts'
import { isToldByText } from '../features/index.ts'
import type { SourceCommit } from '../fleet/index.ts'
import { appendRows, compactSource, deleteEntities, type Entity } from '../intake/index.ts'
import type { Erased } from '../online/index.ts'
import { isKept, type SourceSpec } from '../spec/index.ts'
import {
  backlogOf,
  lastCommit,
  latestSnapshot,
  listCommits,
  type Sql,
  snapshotLeft,
} from '../store/index.ts'
import { nearestNames } from './catalogue.ts'
import type { DeskParts } from './desk-parts.ts'
import { entityTexts } from './entity-texts.ts'
import { erasePredictionsOf } from './erase-predictions.ts'
import { push } from './push.ts'

/** The sources of the fleet as it was last applied. */
export function sourcesDesk(parts: DeskParts): SourcesDesk {
  const { store } = parts
  return {
    sources: ask => sourcesPage(parts, ask),
    source: async name => sourceView(await declaredSource(parts, name), store),
    commits: (name, ask) => commitsPage(parts, name, ask),
    push: async (name, delivery) =>
      push(await declaredSource(parts, name), delivery, parts.deliveries),
    append: async (name, file) =>
      append(await declaredSource(parts, name), file, parts).finally(() => parts.wake()),
    deleteEntities: async (name, { entities }) => {
      const source = await declaredSource(parts, name)
      try {
        const { commit, ...deleted } = await deleteEntities(source, entities, parts)
        await leaveOnline(source, entities, commit, parts)
        return { ...deleted, predictions: await erasePredictionsOf(source, entities, parts) }
      } finally {
        parts.wake()
      }
    },
    compact: async name => compactSource(await declaredSource(parts, name), parts),
  }
}

/** Who asked to be forgotten is served no more when the answer comes. */
async function leaveOnline(
  source: SourceSpec,
  entities: readonly Entity[],
  commit: number | undefined,
  { online, fleet, store }: DeskParts,
): Promise<void> {
  const spec = await fleet.spec()
  if (online === undefined || spec === undefined) return
  const groups = [...spec.groups.values()].filter(g => g.online && g.source === source.name)
  if (groups.length === 0) return
  const erased =
    commit === undefined
      ? undefined
      : { commit, entities: await namedAlike(source, entities, store) }
  await online.features.follow(spec, { groups: groups.map(({ name }) => name), erased })
}

/** Undefined where they are named by different columns: their groups are built anew then. */
async function namedAlike(
  { name }: SourceSpec,
  entities: readonly Entity[],
  sql: Sql,
): Promise<Erased['entities']> {
  const columns = Object.keys(entities[0]!).sort()
  const areAlike = entities.every(one => Object.keys(one).sort().join('\n') === columns.join('\n'))
  const types = new Map((await latestSnapshot(sql, name))?.columns.map(c => [c.name, c.type]))
  // Of others one value may have more texts than one, as 0 and -0.
  if (!areAlike || !columns.every(column => isToldByText(types.get(column) ?? ''))) return undefined
  const texts = await entityTexts(name, columns, [...entities.entries()], sql)
  const entityOf = (values: readonly string[]) =>
    Object.fromEntries(columns.map((column, i) => [column, values[i]!]))
  return texts.map(({ values }) => entityOf(values))
}

/** E_NOT_FOUND, with the nearest names, for a source that the applied fleet does not declare. */
export async function declaredSource(parts: DeskParts, name: string): Promise<SourceSpec> {
  const sources = (await parts.fleet.spec())?.sources ?? new Map<string, SourceSpec>()
  const source = sources.get(name)
  if (source) return source
  const near = nearestNames(name, [...sources.keys()])
  throw new MusterError('E_NOT_FOUND', `the fleet has no source \`${name}\``, {
    field: 'name',
    hint:
      near.length > 0
        ? `nearest: ${near.join(', ')}`
        : 'list them: muster data list; a new one is declared and applied: muster apply',
  })
}

async function sourcesPage(parts: DeskParts, ask: PageAsk): Promise<readonly SourceView[]> {
  const spec = await parts.fleet.spec()
  const sources = [...(spec?.sources.values() ?? [])]
    .filter(source => source.name > (ask.after?.id ?? ''))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .slice(0, ask.limit)
  return Promise.all(sources.map(source => sourceView(source, parts.store)))
}

async function sourceView(source: SourceSpec, sql: Sql): Promise<SourceView> {
  const { name, owner, location, eventTime, key, columns } = source
  const newest = await lastCommit(sql, name)
  return {
    name,
    owner,
    from: kindOf(location),
    kept: isKept(source),
    eventTime: eventTime ?? null,
    key: [...key],
    columns: { ...columns },
    waiting: (await backlogOf(sql, name)).batches,
    newest: newest ? await commitRow(newest, sql) : null,
  }
}

function kindOf(location: SourceSpec['location']): SourceView['from'] {
  if ('npm' in location) return 'npm'
  if ('files' in location) return 'files'
  if ('s3' in location) return 's3'
  return 'push' in location ? 'push' : 'postgres'
}

async function commitsPage(
  parts: DeskParts,
  name: string,
  { limit, after }: PageAsk,
): Promise<readonly CommitRow[]> {
  const { store } = parts
  const beforeNumber = after && Number(after.id.replace('c-', ''))
  const commits = await listCommits(store, name, { beforeNumber, limit })
  // What is no source any more may still have a history; what has neither is no source.
  if (commits.length === 0) await declaredSource(parts, name)
  return Promise.all(commits.map(commit => commitRow(commit, store)))
}

export async function commitRow(commit: SourceCommit, sql: Sql): Promise<CommitRow> {
  const left = await snapshotLeft(sql, commit.snapshot)
  const { number, source, parent, at, change, outcome, findings, snapshot } = commit
  const time = (ms: number | null | undefined) =>
    ms === null || ms === undefined ? null : new Date(ms).toISOString()
  return {
    id: `c-${number}`,
    source,
    parent: parent === null ? null : `c-${parent}`,
    at: at.toISOString(),
    change,
    outcome,
    findings: findings.map(({ expected, onFail, holds, count, because }) => ({
      expected,
      onFail,
      holds,
      count,
      because,
    })),
    snapshot,
    rows: left?.rows ?? 0,
    setAside: left?.setAside?.rows ?? 0,
    files: left?.files.length ?? 0,
    sizeBytes: left?.files.reduce((sum, file) => sum + file.sizeBytes, 0) ?? 0,
    from: time(left?.fromMs),
    to: time(left?.toMs),
    erased: left?.id !== snapshot,
  }
}

/** The file is on disk, whole, before it is looked at; it goes whatever comes of it. */
async function append(
  source: SourceSpec,
  { body, format, known, idempotencyKey }: SentFile,
  parts: DeskParts,
): Promise<AppendAnswer> {
  const path = join(parts.blobs.scratch, `sent-${randomBytes(8).toString('hex')}`)
  try {
    await pipeline(body, createWriteStream(path, { flags: 'wx', mode: 0o600 }))
    const knownAt = known === 'then' ? 'event' : 'arrival'
    const key = idempotencyKey === undefined ? {} : { idempotencyKey }
    return await appendRows(source, { path, format, knownAt, ...key }, parts)
  } finally {
    await rm(path, { force: true })
  }
}
