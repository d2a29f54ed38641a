import { must } from '../base/assert.ts'
import { quoted } from '../engine/index.ts'
import type { Blobs, SourceData } from '../fleet/index.ts'
import type { FeatureGroupSpec, ViewFeature } from '../spec/index.ts'
import { type AskedRows, loadAsked } from './asked-rows.ts'
import { AskingRows } from './asking-rows.ts'
import { type FeatureColumn, groupFeatures, rowFeatures } from './feature-columns.ts'
import { readByRow, rowNumberSql } from './spine.ts'
import { openSources } from './view-rows.ts'

export interface FeatureAsk {
  readonly features: readonly ViewFeature[]
  /** Those that the features are of. */
  readonly groups: readonly FeatureGroupSpec[]
  /** Those that the groups read. */
  readonly sources: readonly SourceData[]
  readonly rows: AskedRows & {
    /** When each row asks, in milliseconds since 1970 UTC, to the microsecond. NaN: unknown. */
    readonly asOfMs: Float64Array
  }
}

/** By feature, in the order of the rows: numbers with NaN, categories as text with null. */
export type LookedUp = ReadonlyMap<string, Float64Array | readonly (string | null)[]>

/**
 * Features of rows that a caller gives, as of the time of each: what a frame has for such rows.
 * Values of groups are in double, and a frame holds them rounded to float32. Sums of windows are
 * added up in an order that depends on who asks beside, so they may differ in the last bit of a
 * double. Throws what `loadAsked` throws.
 */
export async function lookupAsOf(
  ask: FeatureAsk,
  place: {
    readonly blobs: Blobs
    readonly threads?: number | undefined
    /** Of a group; the result is the same with any number. */
    readonly rowsAtOnce?: number | undefined
  },
): Promise<LookedUp> {
  const { features, rows: asked } = ask
  const rows = asked.asOfMs.length
  const { engine, sources } = await openSources(ask.sources, place.blobs, place)
  await using _open = engine
  const relation = await loadAsked(engine, 'muster asked', asked, rows)
  const from = quoted(relation.name)
  const own = await rowFeatures(engine, relation, features, { from, where: 'true' }, rows)
  if (own.targets.length > 0) {
    const query = { number: rowNumberSql, from: [from, ...own.joins].join(' '), where: 'true' }
    await readByRow(engine, query, own.targets)
  }
  const asOfUs = asked.asOfMs.map(ms => Math.round(ms * 1_000))
  const asking = new AskingRows({ relation, rows }, asOfUs)
  const { rowsAtOnce } = place
  const about = { view: { features }, groups: ask.groups, sources, rowsAtOnce }
  const joined = await groupFeatures(engine, about, asking, Float64Array, { stage: () => {} })
  return new Map(
    features.map(({ name }) => {
      const column = own.columns.get(name) ?? joined.columns.get(name)
      return [name, given(must(column, 'every feature was filled'))]
    }),
  )
}

function given({ values, texts }: FeatureColumn): Float64Array | readonly (string | null)[] {
  if (texts)
    return Array.from(values, code => (Number.isNaN(code) ? null : must(texts[code], 'a text')))
  return values instanceof Float64Array ? values : Float64Array.from(values)
}
