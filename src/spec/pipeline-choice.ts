import { nearest } from '../base/nearest.ts'
import type { DeclaredKind, FleetReading } from './declared.ts'
import type { Path } from './document.ts'
import type { FeatureViewSpec, ParameterValue, PipelineChoice, Place } from './fleet-spec.ts'
import { builtInPipelines, type PipelineId } from './pipelines.ts'
import { listed, printable } from './problem.ts'
import { problemsOf } from './schema-problems.ts'

/** A pipeline that exists, with the parameters that the blueprint gives it. */
export interface PipelineParameters {
  readonly id: PipelineId
  readonly given: Readonly<Record<string, ParameterValue>>
}

type Given = Readonly<Record<string, ParameterValue>>

function isPipeline(id: string): id is PipelineId {
  return Object.hasOwn(builtInPipelines, id)
}

export function taskOf(id: PipelineId): 'regression' | 'classification' {
  return builtInPipelines[id].task
}

/** The pipeline of a blueprint, or undefined when there is none of the name. */
export function readPipeline(
  declared: DeclaredKind<'Blueprint'>,
  reading: FleetReading,
): PipelineParameters | undefined {
  const { pipeline } = declared.value
  const { name: id, ...given } = typeof pipeline === 'string' ? { name: pipeline } : pipeline
  if (isPipeline(id)) return { id, given }
  const ids = Object.keys(builtInPipelines)
  const bare = ids.filter(known => known.split('@')[0] === id.split('@')[0])
  const near = bare.length > 0 ? bare : nearest(id, ids, 1)
  reading.complain(
    declared,
    typeof pipeline === 'string' ? ['pipeline'] : ['pipeline', 'name'],
    'value',
    {
      code: 'E_SPEC_PIPELINE',
      message: `there is no pipeline \`${printable(id)}\``,
      cure: `use ${listed(
        (near.length > 0 ? near : ids).map(known => `\`${known}\``),
        'or',
      )}`,
      expected: listed(ids, 'or'),
    },
  )
  return undefined
}

/**
 * With defaults, and where each parameter is declared. Complains of parameters that do not suit.
 */
export function choosePipeline(
  declared: DeclaredKind<'Blueprint'>,
  pipeline: PipelineParameters,
  view: FeatureViewSpec | undefined,
  reading: FleetReading,
): { choice: PipelineChoice; places: Readonly<Record<string, Place>> } {
  const { id, given } = pipeline
  checkParameters(declared, ['pipeline'], given, { id, given: {} }, reading)
  const season = given.season
  if (view && typeof season === 'string' && !view.features.some(f => f.name === season)) {
    const [near] = nearest(
      season,
      view.features.map(f => f.name),
      1,
    )
    reading.complain(declared, ['pipeline', 'season'], 'value', {
      code: 'E_SPEC_REFERENCE',
      message: `view \`${view.id}\` has no feature \`${printable(season)}\``,
      cure: near ? `use \`${near}\`` : 'name a feature of the view whose value is the season',
    })
  }
  const read = builtInPipelines[id].parameters.safeParse(given)
  const places = Object.keys(given).map(
    name => [name, declared.document.placeOf(['pipeline', name])] as const,
  )
  const parameters = read.success ? filledIn(read.data) : given
  return { choice: { id, parameters }, places: Object.fromEntries(places) }
}

function filledIn(parsed: object): Given {
  const present = Object.entries(parsed).filter(([, value]) => value !== undefined)
  return Object.fromEntries(present) as Given
}

/** Checks what is given at `at`, on top of what the family has. */
export function checkParameters(
  declared: DeclaredKind<'Blueprint'>,
  at: Path,
  own: Given,
  family: PipelineParameters,
  reading: FleetReading,
): void {
  const schema = builtInPipelines[family.id].parameters
  // With no more than the family has, the family's own faults are told where they stand.
  const inherited = schema.safeParse(family.given).success ? family.given : {}
  for (const issue of schema.safeParse({ ...inherited, ...own }).error?.issues ?? []) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) complainOfUnknown(declared, at, key, family.id, reading)
      continue
    }
    const problems = problemsOf(declared.document, { ...issue, path: [...at, ...issue.path] })
    if (!declared.damaged.has(at[0] ?? '')) reading.problems.push(...problems)
  }
  if (own.penalty !== undefined && own.penalties !== undefined) {
    reading.complain(declared, [...at, 'penalties'], 'key', {
      code: 'E_SPEC_PARAMETER',
      message: '`penalties` is not read where `penalty` is given',
      cure: 'remove one of the two',
    })
  }
}

function complainOfUnknown(
  declared: DeclaredKind<'Blueprint'>,
  at: Path,
  key: string,
  id: PipelineId,
  reading: FleetReading,
): void {
  const known = Object.keys(builtInPipelines[id].parameters.shape)
  const [near] = nearest(key, known, 1)
  reading.complain(declared, [...at, key], 'key', {
    code: 'E_SPEC_PARAMETER',
    message: `pipeline \`${id}\` has no parameter \`${printable(key)}\``,
    cure: near ? `use \`${near}\`` : `remove it; there are ${listed(known, 'and')}`,
  })
}
