import type { ModelName } from '../base/ids.ts'
import type { OverrideSpec, ParameterValue, PipelineChoice } from '../spec/index.ts'

/*
 * Which overrides a member falls under. A pattern has as many parts as the member has key values, spelled as in
 * its name; `*` stands for any one value. A fleet may have 10,000 patterns and a million members, so patterns
 * are looked up by their literal parts, once for each arrangement of stars that occurs, and never tried in turn.
 */

type Override = Pick<OverrideSpec, 'match' | 'parameters'>

export interface OverrideIndex {
  /** Positions in the declared order of the overrides that match, rising; the same array for the same set. */
  matches(name: ModelName): readonly number[]
}

const none: readonly number[] = []

interface Shape {
  readonly parts: number
  readonly literal: readonly number[]
  readonly found: Map<string, number[]>
}

export function indexOverrides(overrides: readonly Override[]): OverrideIndex {
  const shapes = new Map<string, Shape>()
  for (const [position, { match }] of overrides.entries()) {
    const parts = match.split('.')
    const stars = parts.map(part => (part === '*' ? '*' : '.')).join('')
    const literal = [...parts.keys()].filter(i => parts[i] !== '*')
    const shape = shapes.get(stars) ?? { parts: parts.length, literal, found: new Map() }
    shapes.set(stars, shape)
    const key = literal.map(i => parts[i]).join('.')
    const positions = shape.found.get(key)
    if (positions === undefined) shape.found.set(key, [position])
    else positions.push(position)
  }
  return {
    matches(name) {
      if (shapes.size === 0) return none
      const parts = name.split('.').slice(1)
      const matched: number[] = []
      for (const { parts: length, literal, found } of shapes.values()) {
        if (length !== parts.length) continue
        matched.push(...(found.get(literal.map(i => parts[i]).join('.')) ?? none))
      }
      return matched.length === 0 ? none : matched.sort((a, b) => a - b)
    },
  }
}

/** The parameters under some overrides, in declared order: narrowest last, so the narrower one wins. */
export function parametersUnder(
  pipeline: PipelineChoice,
  overrides: readonly Override[],
  matched: readonly number[],
): Readonly<Record<string, ParameterValue>> {
  const parameters: Record<string, ParameterValue> = { ...pipeline.parameters }
  for (const position of matched) Object.assign(parameters, overrides[position]?.parameters)
  return parameters
}
