import { must } from '../base/assert.ts'
import { MusterError } from '../base/errors.ts'
import type { FamilySpec } from '../fleet/index.ts'
import { builtInPipelines, type PipelineId, parametersOf } from '../spec/index.ts'
import { hasTarget } from './fit-transforms.ts'
import type { FitParameters } from './open-fitter.ts'

type Declared = Pick<FamilySpec, 'pipeline' | 'overrides'>

/**
 * The parameters of each member: the family's, with the overrides that match it. Read once for
 * each different set, of which there are few. Throws E_SPEC when a member asks for folds of its
 * own: the statistics of a parent are the sums of its children's, fold by fold, so all share them.
 */
export function memberParameters(
  family: Declared,
): (keyValues: readonly string[]) => FitParameters {
  const shared = readParameters(family.pipeline.id, parametersOf({ ...family, overrides: [] }, []))
  const read = new Map<string, FitParameters>()
  return keyValues => {
    if (family.overrides.length === 0) return shared
    const declared = parametersOf(family, keyValues)
    const text = JSON.stringify(declared)
    const known = read.get(text)
    if (known) return known
    const parameters = readParameters(family.pipeline.id, declared)
    if ('folds' in parameters && 'folds' in shared && parameters.folds !== shared.folds) {
      throw new MusterError('E_SPEC', 'an override asks for folds of its own', {
        field: 'overrides.pipeline.folds',
        hint: 'Give folds in the blueprint: all members of a family share them.',
      })
    }
    read.set(text, parameters)
    return parameters
  }
}

/**
 * Folds that the rows are kept apart by. A penalty that is declared is not searched for; then only
 * encodings of the label need them.
 */
export function foldsFor(parameters: FitParameters, features: FamilySpec['features']): number {
  if (!('folds' in parameters)) return 1
  return parameters.penalty === undefined || hasTarget(features) ? parameters.folds : 1
}

function readParameters(id: string, declared: Readonly<Record<string, unknown>>): FitParameters {
  const pipeline = must(builtInPipelines[id as PipelineId], 'the pipeline is built in')
  const parsed = pipeline.parameters.safeParse(declared)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new MusterError('E_SPEC', `${id}: ${issue?.message ?? 'parameters are not valid'}`, {
    field: ['pipeline', ...(issue?.path ?? [])].join('.'),
    hint: 'See muster explain for what the pipeline takes.',
  })
}
