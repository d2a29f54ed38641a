import { must } from '../base/assert.ts'
import { MusterError } from '../base/errors.ts'
import { type LoadedColumn, quoted } from '../engine/index.ts'
import type { Blobs, SourceData } from '../fleet/index.ts'
import { rowNumber } from '../sources/index.ts'
import type { FeatureGroupSpec, ViewFeature } from '../spec/index.ts'
import { AskingRows } from './asking-rows.ts'
import { type FeatureColumn, groupFeatures, rowFeatures } from './feature-columns.ts'
import { readByRow, rowNumberSql } from './spine.ts'
import { openSources } from './view-rows.ts'

/** A value of a row that asks. Whole numbers are BIGINT, so that 7 is the entity "7". */
export type AskedValue = string | number | boolean | null

export interface FeatureAsk {
  readonly features: readonly ViewFeature[]
  /** Those that the features are of. */
  readonly groups: readonly FeatureGroupSpec[]
  /** Those that the groups read. */
  readonly sources: readonly SourceData[]
  readonly rows: {
    readonly columns: Readonly<Record<string, readonly AskedValue[]>>
    /** When each row asks, in milliseconds since 1970 UTC. NaN: as if nothing were known. */
    readonly asOfMs: Float64Array
  }
}

/** By feature, in the order of the rows: numbers with NaN, categories as text with null. */
export type LookedUp = ReadonlyMap<string, Float64Array | readonly (string | null)[]>

/**
 * Features of rows that a caller gives, as of the time of each: what a frame has for such rows.
 * Values of groups are in double, and a frame holds them rounded to float32. Sums of windows are
 * added up in an order that depends on who asks beside, so they may differ in the last bit of a
 * double.
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
  const columns = Object.entries(asked.columns).map(([name, values]) => loaded(name, values, rows))
  const numbers = Array.from({ length: rows }, (_, row) => row)
  const number: LoadedColumn = { name: rowNumber, type: 'INTEGER', values: numbers }
  const relation = { name: 'muster asked', columns }
  await engine.load(relation.name, [number, ...columns], rows)

  const from = quoted(relation.name)
  const own = await rowFeatures(engine, relation, features, { from, where: 'true' }, rows)
  if (own.targets.length > 0) {
    const query = { number: rowNumberSql, from: [from, ...own.joins].join(' '), where: 'true' }
    await readByRow(engine, query, own.targets)
  }
  const asOfUs = asked.asOfMs.map(ms => ms * 1_000)
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

/** A column in the narrowest type that holds its values; texts when they are of several. */
function loaded(name: string, values: readonly AskedValue[], rows: number): LoadedColumn {
  if (values.length !== rows) {
    throw new MusterError(
      'E_USAGE',
      `column \`${name}\` has ${values.length} values, and ${rows} rows ask`,
      { field: name, hint: 'give each column a value for each row' },
    )
  }
  const given = values.filter(value => value !== null)
  if (given.every(value => typeof value === 'boolean')) {
    return { name, type: 'BOOLEAN', values: values as (boolean | null)[] }
  }
  if (given.every(value => Number.isSafeInteger(value))) {
    const whole = values.map(value => (value === null ? null : BigInt(value)))
    return { name, type: 'BIGINT', values: whole }
  }
  if (given.every(value => typeof value === 'number')) {
    return { name, type: 'DOUBLE', values: values as (number | null)[] }
  }
  const texts = values.map(value => (value === null ? null : String(value)))
  return { name, type: 'VARCHAR', values: texts }
}
