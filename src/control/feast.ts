import type { FeastDesk, SourcesDesk } from '../api/index.ts'
import { MusterError } from '../base/errors.ts'
import type { FeastOnlineAsk, FeastPushAsk, FeastValue, FeastWriteAsk } from '../contract/index.ts'
import type { FleetSpec, SourceSpec } from '../spec/index.ts'
import type { DeskParts } from './desk-parts.ts'
import { feastAnswer } from './feast-answer.ts'
import { declaredSource } from './sources.ts'
import { type FeatureName, readFeatureName, readOwner } from './vector-owners.ts'
import { type PreparedAsk, rowsOf, type VectorReads } from './vectors.ts'

/*
 * Feast's feature server, answered by ours. Rows that are pushed go to a source: they are kept and
 * reach the online store at once, whatever `to` says, for here nothing is in the one and not in the
 * other.
 */

/** The columns in which Feast's clients put the times of a row. */
const feastTime = 'event_timestamp'
const feastCreated = 'created'

export function feastDesk(
  parts: DeskParts,
  reads: () => VectorReads,
  sources: Pick<SourcesDesk, 'push'>,
): FeastDesk {
  return {
    online: ask => online(ask, reads()),
    push: async ask => push(await declaredSource(parts, ask.push_source_name), ask.df, sources),
    write: async ask => {
      const { source, columns } = await written(ask, parts)
      await push(source, columns, sources)
    },
    async isHealthy() {
      try {
        await parts.store.one('select 1 as up')
        return true
      } catch {
        return false
      }
    },
  }
}

async function online(ask: FeastOnlineAsk, reads: VectorReads): Promise<Buffer | string> {
  const { entities, ...about } = ask
  const rows = rowsOf(entities)
  const prepared = await reads.prepare({
    text: JSON.stringify(about),
    columns: Object.keys(entities),
    names: spec => namesOf(ask, spec),
  })
  const head = headOf(prepared, ask)
  return feastAnswer(head, rows, entities, await reads.read(prepared, entities))
}

/** The metadata of an ask: by what was prepared, which is one for all that ask the same. */
const heads = new WeakMap<PreparedAsk, string>()

function headOf(prepared: PreparedAsk, ask: FeastOnlineAsk): string {
  const before = heads.get(prepared)
  if (before !== undefined) return before
  const { names } = prepared
  const views = new Map(names.map(({ owner }) => [owner.name, owner.version ?? 0]))
  const head = JSON.stringify({
    feature_names: [...Object.keys(ask.entities), ...shownNames(names, ask.full_feature_names)],
    ...(ask.include_feature_view_version_metadata && {
      feature_view_metadata: Array.from(views, ([name, version]) => ({ name, version })),
    }),
  })
  heads.set(prepared, head)
  return head
}

function namesOf(ask: FeastOnlineAsk, spec: FleetSpec): readonly FeatureName[] {
  if (ask.feature_service != null) {
    const owner = readOwner(ask.feature_service, spec)
    return owner.view.features.map(({ name }) => ({ owner, feature: name }))
  }
  if (ask.features.length > 0) return ask.features.map(text => readFeatureName(text, spec))
  throw new MusterError('E_USAGE', 'neither `features` nor a `feature_service` is named', {
    field: 'features',
    hint: 'name features as view:feature',
  })
}

/** As Feast shows them: without the version, and with the view only when that is asked for. */
function shownNames(names: readonly FeatureName[], full: boolean): readonly string[] {
  const shown = names.map(({ owner, feature }) => (full ? `${owner.name}__${feature}` : feature))
  if (new Set(shown).size === shown.length) return shown
  const twice = shown.find((name, i) => shown.indexOf(name) !== i)
  throw new MusterError('E_USAGE', `two of the features are called \`${twice}\``, {
    field: 'features',
    hint: 'ask with "full_feature_names": true',
  })
}

type Frame = FeastPushAsk['df']

async function push(
  source: SourceSpec,
  df: Frame,
  sources: Pick<SourcesDesk, 'push'>,
): Promise<void> {
  const columns = timed(columnsOf(df), source)
  const names = Object.keys(columns)
  const count = names.length === 0 ? 0 : columns[names[0]!]!.length
  const lines: string[] = []
  for (let row = 0; row < count; row++) {
    lines.push(JSON.stringify(Object.fromEntries(names.map(name => [name, columns[name]![row]]))))
  }
  const bytes = Buffer.from(lines.map(line => `${line}\n`).join(''))
  const how = { format: 'jsonl', known: 'now', idempotencyKey: undefined } as const
  await sources.push(source.name, { bytes, ...how })
}

type Columns = Readonly<Record<string, readonly FeastValue[]>>

function columnsOf(df: Frame): Columns {
  const columns = Object.fromEntries(
    Object.entries(df).map(([name, values]) => [
      name,
      Array.isArray(values) ? values : Object.values(values),
    ]),
  )
  const lengths = new Set(Object.values(columns).map(values => values.length))
  if (lengths.size <= 1) return columns
  throw new MusterError('E_USAGE', 'the columns of `df` are not of one length', { field: 'df' })
}

/** Feast's own columns of time become those of the source. */
function timed(columns: Columns, source: SourceSpec): Columns {
  const eventTime = columnIn(source.eventTime ?? '')
  const declared = new Set(Object.keys(source.columns))
  const own: Record<string, readonly FeastValue[]> = {}
  for (const [name, values] of Object.entries(columns)) {
    if (name === feastCreated && !declared.has(name)) continue
    const renamed = name === feastTime && !declared.has(name) && eventTime !== undefined
    own[renamed ? eventTime : name] = values
  }
  return own
}

/**
 * Rows that Feast's client writes for a view are rows of the source behind it, where its features
 * are columns of that source as they are.
 */
async function written(
  ask: FeastWriteAsk,
  parts: DeskParts,
): Promise<{ source: SourceSpec; columns: Frame }> {
  const spec = await parts.fleet.applied()
  const { view } = readOwner(ask.feature_view_name, spec)
  const names = new Set(view.features.flatMap(f => (f.from.kind === 'group' ? f.from.group : [])))
  const groups = [...names].flatMap(name => spec.groups.get(name) ?? [])
  const sources = new Set(groups.map(group => group.source))
  if (sources.size !== 1) {
    throw new MusterError('E_USAGE', `${view.id} is not of one source`, {
      field: 'feature_view_name',
      hint: 'push the rows to their source: POST /push',
    })
  }
  const source = await declaredSource(parts, [...sources][0]!)
  const columns: Record<string, Frame[string]> = {}
  for (const [name, values] of Object.entries(ask.df)) {
    const feature = view.features.find(one => one.name === name)
    const { from } = feature ?? {}
    const latest = groups
      .flatMap(g => g.latest)
      .find(f => from?.kind === 'group' && f.name === from.feature)
    columns[latest ? plainColumn(latest.of, name) : name] = values
  }
  return { source, columns }
}

/** The column that an expression is; undefined for one that computes. */
function columnIn(sql: string): string | undefined {
  return /^"?(\w+)"?$/.exec(sql)?.[1]
}

function plainColumn(sql: string, feature: string): string {
  const column = columnIn(sql)
  if (column !== undefined) return column
  throw new MusterError('E_USAGE', `\`${feature}\` is computed: ${sql}`, {
    field: feature,
    hint: 'push the rows to their source: POST /push',
  })
}
