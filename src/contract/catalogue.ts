import { z } from 'zod'
import { type PageAsk, pageQuery } from './lists.ts'
import { count, isoTime, modelNameText, modelState, pageOf, role } from './words.ts'

/* What a fleet shares, who reads it, and what a change of it would touch. */

export const catalogueKinds = ['source', 'group', 'view', 'feature'] as const
const kind = z.enum(catalogueKinds)
export type CatalogueKind = z.infer<typeof kind>

export const catalogueQuery = pageQuery.extend({
  query: z
    .string()
    .max(1_000)
    .optional()
    .describe('Words that must all stand in name, owner or description.'),
  name: z.string().max(300).optional().describe('Exactly this name; then with all its fields.'),
  kind: kind.optional(),
  owner: z.string().max(200).optional(),
})

export interface CatalogueAsk extends PageAsk {
  readonly query?: string | undefined
  readonly name?: string | undefined
  readonly kind?: CatalogueKind | undefined
  readonly owner?: string | undefined
}

const freshness = z.object({
  newestEvent: isoTime.nullable(),
  rows: count.nullable(),
  setAside: count.describe('Rows in quarantine.'),
  acceptedAt: isoTime.nullable().describe('When a snapshot was last accepted.'),
  outcome: z.enum(['accepted', 'rejected']).describe('What became of the newest snapshot.'),
  commit: count,
})

export const catalogueEntry = z.object({
  kind,
  name: z.string().describe('flights, departures, departures.origin_mean_1h, two-hours-before@1.'),
  owner: z.string(),
  description: z.string().nullable(),
  declaredAt: z.string().describe('muster.yaml:41'),
  means: z.string().describe('In one line.'),
  fields: z
    .array(z.object({ name: z.string(), value: z.string() }))
    .describe('Only when one name was asked for.'),
  freshness: freshness
    .nullable()
    .describe('Of the source; of a view that of its stalest. null before any snapshot.'),
  published: z.object({ plan: z.string(), at: isoTime }).nullable(),
  readBy: z.object({
    views: z.array(z.string()),
    blueprints: z.array(z.string()),
    models: count,
  }),
})
export type CatalogueEntry = z.infer<typeof catalogueEntry>

export const cataloguePage = pageOf(catalogueEntry).extend({
  nearest: z.array(z.string()).describe('Names that are near, when nothing was found.'),
})
export type CataloguePage = z.infer<typeof cataloguePage>

/** A version of a view as it was published. */
export const publishedView = z.object({
  id: z.string(),
  digest: z.string(),
  plan: z.string(),
  at: isoTime,
  newestVersion: count.describe('The largest version of this view that is published.'),
  declaration: z
    .array(z.object({ path: z.string(), text: z.string() }))
    .describe('All files of that declaration.'),
})
export type PublishedViewAnswer = z.infer<typeof publishedView>

export const diffQuery = z.strictObject({
  from: z.string().min(1).max(100).describe('A published view, or one that the fleet follows.'),
  to: z.string().min(1).max(100),
})

export const viewDifference = z.object({
  change: z.enum(['added', 'removed', 'changed']),
  of: z.enum(['feature', 'label', 'view', 'group', 'source']),
  name: z.string(),
  before: z.string().nullable(),
  now: z.string().nullable(),
})
export const viewDiff = z.object({
  from: z.string(),
  to: z.string(),
  differences: z.array(viewDifference),
})
export type ViewDiff = z.infer<typeof viewDiff>

export const impactQuery = pageQuery.extend({
  of: z
    .string()
    .min(1)
    .max(300)
    .describe('A source, source.column, group, group.feature, view or view@version.'),
})

export interface ImpactAsk extends PageAsk {
  readonly of: string
}

const touched = z.object({ name: z.string(), by: z.array(z.string()) })

/** What a change would touch. Counts are of all of it; `items` is a page of the models. */
export const impactAnswer = z.object({
  of: z.string(),
  is: z.array(z.enum(['source', 'column', 'group', 'feature', 'view'])),
  groups: z.array(z.object({ name: z.string(), features: z.array(z.string()) })),
  views: z.array(touched),
  labels: z.array(touched),
  blueprints: z.array(touched.extend({ view: z.string(), models: count })),
  models: z.object({
    total: count,
    byState: z.partialRecord(modelState, count),
    byLevel: z.partialRecord(role, count),
  }),
  routes: z.array(z.object({ environment: z.string(), models: count })),
  items: z.array(z.object({ name: modelNameText, level: role, state: modelState })),
  nextCursor: z.string().nullable(),
})
export type ImpactAnswer = z.infer<typeof impactAnswer>
