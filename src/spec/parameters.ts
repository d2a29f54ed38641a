import { unescapePart } from '../base/model-name.ts'
import type { BlueprintSpec, OverrideSpec, ParameterValue, PipelineChoice } from './fleet-spec.ts'

/*
 * Which parameters a member is fitted with: the pipeline's defaults, what the blueprint says, and
 * the overrides that match, the narrowest last. Parameter by parameter, so that an override says
 * only what differs.
 */

type Parameters = Readonly<Record<string, ParameterValue>>
type Override = Pick<OverrideSpec, 'match' | 'parameters'>

/**
 * What `parametersOf` reads of a family: a `FamilySpec` and a `BlueprintSpec` are of this shape.
 */
export interface ParametersFamily {
  readonly pipeline: PipelineChoice
  /** Narrowest last, as `readFleet` leaves them. */
  readonly overrides: readonly Override[]
}

/** One part of a pattern: a key value, or `undefined` for any. */
export type PatternPart = string | undefined

/**
 * The parts of `*.HNL`, or undefined where a part is neither `*` nor written as in a model's name.
 */
export function readPattern(pattern: string): readonly PatternPart[] | undefined {
  const parts: PatternPart[] = []
  for (const text of pattern.split('.')) {
    const part = text === '*' ? undefined : unescapePart(text)
    if (text !== '*' && part === undefined) return undefined
    parts.push(part)
  }
  return parts
}

/** `*.HNL` matches leaves of a key of two, `ATL` the segment. Nothing matches the root. */
export function matchesPattern(pattern: string, keyValues: readonly string[]): boolean {
  const parts = readPattern(pattern)
  return (
    parts !== undefined &&
    parts.length === keyValues.length &&
    parts.every((part, index) => part === undefined || part === keyValues[index])
  )
}

/** The parameters for the member with these key values, defaults filled in. */
export function parametersOf(
  family: ParametersFamily,
  keyValues: readonly string[],
): Record<string, ParameterValue> {
  let merged = { ...family.pipeline.parameters }
  for (const { parameters } of matchingOverrides(family.overrides, keyValues)) {
    merged = { ...withoutDisplaced(merged, parameters), ...parameters }
  }
  return merged
}

/**
 * One parameter with where it comes from: `default of ridge@1`, `muster.yaml:52 override *.HNL`.
 */
export interface EffectiveParameter {
  readonly name: string
  readonly value: ParameterValue
  readonly from: string
}

/** The parameters that have an effect on the member, each with its origin. */
export function effectiveParameters(
  blueprint: Pick<BlueprintSpec, 'pipeline' | 'parameterPlaces' | 'overrides'>,
  keyValues: readonly string[],
): EffectiveParameter[] {
  let found = new Map<string, EffectiveParameter>()
  for (const [name, value] of Object.entries(blueprint.pipeline.parameters)) {
    const place = blueprint.parameterPlaces[name]
    const from = place ? `${place.file}:${place.line}` : `default of ${blueprint.pipeline.id}`
    found.set(name, { name, value, from })
  }
  for (const { match, parameters, place } of matchingOverrides(blueprint.overrides, keyValues)) {
    const kept = withoutDisplaced(Object.fromEntries(found), parameters)
    found = new Map(Object.entries(kept))
    const from = `${place.file}:${place.line} override ${match}`
    for (const [name, value] of Object.entries(parameters)) found.set(name, { name, value, from })
  }
  // A penalty that is given is not chosen: what it would be chosen from, and how, has no effect.
  if (found.has('penalty')) for (const idle of ['penalties', 'folds']) found.delete(idle)
  return [...found.values()]
}

/**
 * A narrower list of penalties displaces a wider single penalty, which would otherwise silence it.
 */
function withoutDisplaced<T>(merged: Record<string, T>, by: Parameters): Record<string, T> {
  if (by.penalties === undefined || by.penalty !== undefined) return merged
  const { penalty: _, ...rest } = merged
  return rest
}

/** Patterns that have their values in the same places, by those values. */
interface Shelf {
  readonly length: number
  readonly fixed: readonly number[]
  readonly indices: Map<string, number>
}

const shelves = new WeakMap<readonly Override[], readonly Shelf[]>()

/** Ten thousand members times ten thousand overrides would be a hundred million comparisons. */
function shelvesOf(overrides: readonly Override[]): readonly Shelf[] {
  const known = shelves.get(overrides)
  if (known) return known
  const made = new Map<string, Shelf>()
  for (const [index, { match }] of overrides.entries()) {
    const parts = readPattern(match)
    if (!parts) continue
    const fixed = parts.flatMap((part, i) => (part === undefined ? [] : [i]))
    const key = `${parts.length}:${fixed.join(',')}`
    const shelf = made.get(key) ?? { length: parts.length, fixed, indices: new Map() }
    made.set(key, shelf)
    shelf.indices.set(shelfKey(parts, fixed), index)
  }
  const list = [...made.values()]
  shelves.set(overrides, list)
  return list
}

/** The values in the fixed places, as one text that no other values give. */
export function shelfKey(values: readonly PatternPart[], fixed: readonly number[]): string {
  return JSON.stringify(fixed.map(place => values[place]))
}

/** Those that match, narrowest last. */
function matchingOverrides<T extends Override>(
  overrides: readonly T[],
  keyValues: readonly string[],
): readonly T[] {
  if (overrides.length === 0 || keyValues.length === 0) return []
  const found: number[] = []
  for (const shelf of shelvesOf(overrides)) {
    if (shelf.length !== keyValues.length) continue
    const index = shelf.indices.get(shelfKey(keyValues, shelf.fixed))
    if (index !== undefined) found.push(index)
  }
  return found.sort((a, b) => a - b).flatMap(index => overrides[index] ?? [])
}
