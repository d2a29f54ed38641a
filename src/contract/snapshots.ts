import { z } from 'zod'
import { pageQuery } from './lists.ts'
import { finding } from './sources.ts'
import { count, digest, isoTime, pageOf } from './words.ts'

/*
 * What snapshots of sources hold. One is named by its commit (`c-12`), by its digest or the
 * beginning of it, by its source (the newest that was accepted) or by `SOURCE@TIME` (that which was
 * accepted then).
 */

export const snapshotName = z.string().min(1).max(400)

const columnProfile = z.object({
  name: z.string(),
  type: z.string(),
  rows: count,
  nulls: count,
  distinct: count.describe('Estimated above 10,000, to about 1 %.'),
  min: z.string().nullable(),
  max: z.string().nullable(),
  quantiles: z
    .array(z.number())
    .describe('At 0, 0.05, 0.1, ... 1, of numbers and times (microseconds since 1970).'),
  mean: z.number().nullable(),
  deviation: z.number().nullable(),
  top: z.array(z.object({ value: z.string(), count })).describe('Up to 20, most frequent first.'),
})
export type ColumnProfileView = z.infer<typeof columnProfile>

const snapshotFacts = z.object({
  snapshot: digest,
  commit: z.string().nullable().describe('The newest entry of the history that names it: c-12.'),
  rows: count.describe('Rows that are read: without those in quarantine.'),
  setAside: count,
  from: isoTime.nullable().describe('Range of event time.'),
  to: isoTime.nullable(),
})
export type SnapshotFacts = z.infer<typeof snapshotFacts>

export const profileQuery = z.strictObject({
  of: snapshotName.optional().describe('A snapshot of the source. Default: the newest accepted.'),
})
export const profileView = snapshotFacts.extend({
  source: z.string(),
  entities: count.nullable().describe('Distinct values of the key; null when it has none.'),
  columns: z.array(columnProfile),
})
export type ProfileView = z.infer<typeof profileView>

export const snapshotDiffQuery = z.strictObject({ from: snapshotName, to: snapshotName })

const column = z.object({ name: z.string(), type: z.string() })
const entities = z.object({
  count,
  first: z.array(z.array(z.string())).describe('Up to 20, in order of the key.'),
})
export const snapshotDiffView = z.object({
  source: z.string(),
  key: z.array(z.string()),
  from: snapshotFacts,
  to: snapshotFacts,
  schema: z.object({
    added: z.array(column),
    removed: z.array(column),
    retyped: z.array(z.object({ name: z.string(), from: z.string(), to: z.string() })),
  }),
  rows: z.object({
    by: z.enum(['key', 'content']).describe('key: rows of one key and event time are one row.'),
    added: count,
    removed: count,
    changed: count,
  }),
  entities: z.object({ added: entities, removed: entities }).nullable(),
  columns: z.array(
    z.object({
      name: z.string(),
      from: columnProfile.nullable(),
      to: columnProfile.nullable(),
      drift: z.number().nullable().describe('Population stability index; null: not comparable.'),
    }),
  ),
})
export type SnapshotDiffView = z.infer<typeof snapshotDiffView>

export const quarantineQuery = pageQuery
const quarantinedRow = z.object({
  row: count.describe('Its number, by which it is released.'),
  file: z.string().nullable().describe('Where it stands; null for rows that Muster keeps.'),
  rowInFile: count.nullable().describe('From 0.'),
  expectations: z.array(count).describe('Numbers of the expectations that it fails, from 1.'),
  values: z.array(z.string().nullable()).describe('As text, in the order of `columns`.'),
})
export type QuarantinedRowView = z.infer<typeof quarantinedRow>
export const quarantinePage = pageOf(quarantinedRow).extend({
  commit: z.string().nullable().describe('The commit that set them aside.'),
  rows: count.describe('Rows in quarantine, on all pages.'),
  columns: z.array(z.string()),
  findings: z.array(finding.extend({ number: count.describe('In `expect`, from 1.') })),
})
export type QuarantinePage = z.infer<typeof quarantinePage>

export const releaseAsk = z.union([
  z.strictObject({ all: z.literal(true) }),
  z.strictObject({ expectation: z.int().min(1).describe('Its number in `expect`, from 1.') }),
  z.strictObject({ rows: z.array(count).min(1).max(100_000) }),
])
export type ReleaseAsk = z.infer<typeof releaseAsk>
export const releaseAnswer = z.object({
  rows: count.describe('Rows that were released now.'),
  commit: z.string(),
  outcome: z.enum(['accepted', 'rejected']),
})
export type ReleaseAnswer = z.infer<typeof releaseAnswer>
