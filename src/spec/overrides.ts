import { escapePart, unescapePart } from '../base/model-name.ts'
import type { DeclaredKind, FleetReading } from './declared.ts'
import type { OverrideSpec, ParameterValue } from './fleet-spec.ts'
import { type PatternPart, readPattern, shelfKey } from './parameters.ts'
import { checkParameters, type PipelineParameters } from './pipeline-choice.ts'
import { counted, listed, printable } from './problem.ts'

/*
 * Overrides by pattern. The narrowest match wins; where two match the same member and neither is
 * narrower, nobody could say which wins, so that is refused, with the pattern that would decide.
 */

interface Entry {
  /** Where it stands in the list of the document. */
  readonly index: number
  readonly parts: readonly PatternPart[]
  readonly spec: OverrideSpec
}

/**
 * Parameters that all members share, because one graph or one pass over the data serves them all:
 * an override could only be ignored.
 */
const familyWide = new Set(['season', 'seasons', 'folds'])

export function readOverrides(
  declared: DeclaredKind<'Blueprint'>,
  pipeline: PipelineParameters | undefined,
  reading: FleetReading,
): readonly OverrideSpec[] {
  const entries: Entry[] = []
  const lines = new Map<string, number>()
  for (const [index, given] of declared.value.overrides.entries()) {
    const parts = readMatch(declared, index, given.match, reading)
    const parameters = readParameters(declared, index, pipeline, reading)
    if (!parts) continue
    const earlier = lines.get(given.match)
    const place = declared.document.placeOf(['overrides', index])
    if (earlier !== undefined) {
      reading.complain(declared, ['overrides', index, 'match'], 'value', {
        code: 'E_SPEC_OVERRIDE',
        message: `override \`${printable(given.match)}\` is given twice, first on line ${earlier}`,
        cure: 'make one of the two',
      })
      continue
    }
    lines.set(given.match, place.line)
    entries.push({ index, parts, spec: { match: given.match, parameters, place } })
  }
  complainOfTies(declared, entries, reading)
  return entries
    .toSorted((a, b) => fixedPlaces(a.parts).length - fixedPlaces(b.parts).length)
    .map(entry => entry.spec)
}

function readMatch(
  declared: DeclaredKind<'Blueprint'>,
  index: number,
  match: string,
  reading: FleetReading,
): readonly PatternPart[] | undefined {
  const { key, name } = declared.value
  const texts = match.split('.')
  const complain = (message: string, cure: string) =>
    reading.complain(declared, ['overrides', index, 'match'], 'value', {
      code: 'E_SPEC_OVERRIDE',
      message,
      cure,
    })
  const bad = texts.find(text => text !== '*' && unescapePart(text) === undefined)
  if (bad !== undefined) {
    const written = bad.includes('*') ? '*' : escapePart(bad)
    complain(
      `\`${printable(bad)}\` in override \`${printable(match)}\` ` +
        "is not written as in a model's name",
      `write \`${printable(written)}\`; a dot within a value is ~2E`,
    )
    return undefined
  }
  if (texts.length > key.length) {
    complain(
      `override \`${printable(match)}\` has ${counted(texts.length, 'part')}, ` +
        `the key of \`${name}\` has ${key.length}`,
      `match ${listed(key, 'and')}: ${key.map(() => '*').join('.')}`,
    )
    return undefined
  }
  return readPattern(match)
}

function readParameters(
  declared: DeclaredKind<'Blueprint'>,
  index: number,
  pipeline: PipelineParameters | undefined,
  reading: FleetReading,
): Readonly<Record<string, ParameterValue>> {
  const given = declared.value.overrides[index]
  const { name, ...own } = given?.pipeline ?? {}
  const at = ['overrides', index, 'pipeline']
  if (!pipeline) return own
  if (name !== undefined && name !== pipeline.id) {
    reading.complain(declared, [...at, 'name'], 'value', {
      code: 'E_SPEC_PIPELINE',
      message:
        `override \`${printable(given?.match ?? '')}\` ` +
        `names another pipeline than \`${declared.value.name}\``,
      cure: `use \`${pipeline.id}\`, or remove \`name\`: members differ in parameters alone`,
    })
  }
  if (Object.keys(own).length === 0) {
    reading.complain(declared, at, 'value', {
      code: 'E_SPEC_OVERRIDE',
      message: `override \`${printable(given?.match ?? '')}\` changes nothing`,
      cure: 'give it a parameter, or remove it',
    })
  }
  for (const parameter of Object.keys(own).filter(key => familyWide.has(key))) {
    reading.complain(declared, [...at, parameter], 'key', {
      code: 'E_SPEC_OVERRIDE',
      message: `\`${parameter}\` is the same for all members of a family`,
      cure: 'remove it here, and set it in the `pipeline` of the blueprint',
    })
  }
  checkParameters(declared, at, own, pipeline, reading)
  return own
}

function fixedPlaces(parts: readonly PatternPart[]): readonly number[] {
  return parts.flatMap((part, place) => (part === undefined ? [] : [place]))
}

/** Compares kinds of patterns, not pairs of patterns: a key of six has at most 64 kinds a level. */
function complainOfTies(
  declared: DeclaredKind<'Blueprint'>,
  entries: readonly Entry[],
  reading: FleetReading,
): void {
  const kinds = new Map<string, { fixed: readonly number[]; entries: Entry[] }>()
  for (const entry of entries) {
    const fixed = fixedPlaces(entry.parts)
    const key = `${entry.parts.length}:${fixed.join(',')}`
    const kind = kinds.get(key) ?? { fixed, entries: [] }
    kinds.set(key, kind)
    kind.entries.push(entry)
  }
  const byMatch = new Map(entries.map(entry => [entry.spec.match, entry]))
  const list = [...kinds.values()]
  for (const [i, a] of list.entries()) {
    for (const b of list.slice(i + 1)) {
      const shared = a.fixed.filter(place => b.fixed.includes(place))
      const nested = shared.length === a.fixed.length || shared.length === b.fixed.length
      if (nested || a.entries[0]?.parts.length !== b.entries[0]?.parts.length) continue
      const shelf = Map.groupBy(a.entries, entry => shelfKey(entry.parts, shared))
      for (const second of b.entries) {
        for (const first of shelf.get(shelfKey(second.parts, shared)) ?? []) {
          complainOfTie(declared, first, second, byMatch, reading)
        }
      }
    }
  }
}

function complainOfTie(
  declared: DeclaredKind<'Blueprint'>,
  one: Entry,
  other: Entry,
  byMatch: ReadonlyMap<string, Entry>,
  reading: FleetReading,
): void {
  const [first, second] = one.index < other.index ? [one, other] : [other, one]
  const parts = first.parts.map((part, place) => part ?? second.parts[place])
  const both = parts.map(part => (part === undefined ? '*' : escapePart(part))).join('.')
  const decider = byMatch.get(both)
  const undecided = Object.keys(first.spec.parameters).filter(
    parameter =>
      Object.hasOwn(second.spec.parameters, parameter) &&
      !Object.hasOwn(decider?.spec.parameters ?? {}, parameter),
  )
  if (decider && undecided.length === 0) return
  const pair = `\`${first.spec.match}\` and \`${second.spec.match}\``
  reading.complain(declared, ['overrides', second.index, 'match'], 'value', {
    code: 'E_SPEC_OVERRIDE_TIE',
    message: `overrides ${pair}: both match ${both} and neither is narrower`,
    cure: decider
      ? `set ${listed(
          undecided.map(p => `\`${p}\``),
          'and',
        )} in ${both}`
      : `add ${both}`,
  })
}
