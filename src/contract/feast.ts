import { z } from 'zod'

/*
 * The wire of Feast's feature server (0.67), so that its clients find our features: a FeatureView
 * is a view or a group of ours, a FeatureService a view, a PushSource a source that takes pushed
 * rows. Members that only steer Feast's own registry are read and have no effect.
 */

export const feastValue = z.union([z.string(), z.number(), z.boolean(), z.null()])
export type FeastValue = z.infer<typeof feastValue>

/** A value of a registry's own kind, such as a list, is refused where it is used. */
const columnsOfLists = z.record(z.string().max(300), z.array(feastValue))

export const feastOnlineAsk = z.object({
  entities: columnsOfLists,
  features: z.array(z.string().max(600)).max(1_000).default([]),
  feature_service: z.string().max(300).nullish(),
  full_feature_names: z.boolean().default(false),
  include_feature_view_version_metadata: z.boolean().default(false),
})
export type FeastOnlineAsk = z.infer<typeof feastOnlineAsk>

/** `DataFrame.to_dict()` gives lists, or rows by their index. */
const frame = z.record(
  z.string().max(300),
  z.union([z.array(feastValue), z.record(z.string(), feastValue)]),
)

export const feastPushAsk = z.object({
  push_source_name: z.string().min(1).max(300),
  df: frame,
  to: z.enum(['online', 'offline', 'online_and_offline']).default('online'),
})
export type FeastPushAsk = z.infer<typeof feastPushAsk>

export const feastWriteAsk = z.object({ feature_view_name: z.string().min(1).max(300), df: frame })
export type FeastWriteAsk = z.infer<typeof feastWriteAsk>

export interface FeastOnlineAnswer {
  readonly metadata: {
    readonly feature_names: readonly string[]
    readonly feature_view_metadata?: readonly { readonly name: string; readonly version: number }[]
  }
  readonly results: readonly {
    readonly values: readonly FeastValue[]
    readonly statuses: readonly string[]
    readonly event_timestamps: readonly string[]
  }[]
  readonly status: true
}
