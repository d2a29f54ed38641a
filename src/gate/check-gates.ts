import { MusterError } from '../base/errors.ts'
import type { BlueprintSpec, DeclaredAt, FleetSpec } from '../spec/index.ts'
import { checkAnswerRule } from './answer-rule.ts'
import { checkGraphs } from './check-graphs.ts'
import { checkRules, type RuleProblem } from './check-rules.ts'
import { objectiveGate } from './gates-of.ts'

/** A rule that cannot be judged by, where it is declared. */
export interface GateProblem extends Pick<RuleProblem, 'code' | 'detail' | 'hint'> {
  readonly at: DeclaredAt
}

/**
 * What is wrong with any rule that a fleet declares: those of its policies, each once, also of
 * policies that no blueprint is under; those of its blueprints, also the one that answers when its
 * models cannot; what its objectives become; and the expressions of its graphs.
 * Pure: rules need no data.
 */
export function checkGates(spec: FleetSpec): readonly GateProblem[] {
  const declared = spec.policies.filter(policy => policy.place !== undefined)
  return [
    ...declared.flatMap(({ id, gates }) => problemsIn(gates, { kind: 'Policy', name: id })),
    ...[...spec.blueprints.values()].flatMap(blueprint => {
      const { name, gates, objectives } = blueprint
      const of = { kind: 'Blueprint', name } as const
      const objective = objectiveGate(objectives)
      const path = ['objectives', 'quality']
      const wrong = checkRules(objective ? [objective] : [])
      return [
        ...problemsIn(gates, of),
        ...wrong.map(problem => placed(problem, { ...of, path })),
        ...problemsInAnswer(blueprint, spec),
      ]
    }),
    ...checkGraphs(spec),
  ]
}

function problemsInAnswer(
  { name, serving, view }: BlueprintSpec,
  spec: FleetSpec,
): readonly GateProblem[] {
  const { rule } = serving
  if (rule === undefined) return []
  const features = spec.views.get(view)?.features ?? []
  try {
    const inputs = features.map(({ name, type }) => ({ name, isText: type === 'category' }))
    checkAnswerRule(rule, inputs)
    return []
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
    const at = { kind: 'Blueprint', name, path: ['serving', 'rule'] } as const
    return [{ at, code: error.code, detail: error.message, hint: error.hint ?? '' }]
  }
}

function problemsIn(
  gates: Readonly<Record<string, string>>,
  of: Pick<DeclaredAt, 'kind' | 'name'>,
): readonly GateProblem[] {
  const rules = Object.entries(gates).map(([gate, expression]) => ({
    gate,
    from: of.name,
    expression,
  }))
  return checkRules(rules).map(problem => placed(problem, { ...of, path: ['gates', problem.gate] }))
}

function placed({ code, detail, hint }: RuleProblem, at: DeclaredAt): GateProblem {
  return { at, code, detail, hint }
}
