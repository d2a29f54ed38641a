import type { ModelName } from '../base/ids.ts'
import { levelOf } from '../base/model-name.ts'
import {
  type Decision,
  type Evidence,
  type FitRow,
  type Gate,
  type RuleOutcome,
  roleOf,
  type Verdict,
} from '../fleet/index.ts'
import type { BlueprintSpec } from '../spec/index.ts'
import { becauseOf } from './because.ts'
import { compareDepth, type Judged, type Versus } from './compare.ts'
import { objectiveGate } from './gates-of.ts'
import { type CompiledRule, compileRule, type RuleResult } from './rule.ts'
import { rulesWords } from './saw.ts'
import { type RuleSubject, variablesOf } from './variables.ts'

/*
 * Verdicts for a whole family, from the root down: a member is compared with the nearest ancestor
 * that was kept, so those above are judged first. All gates must hold. What was not measured is
 * never released: no judging rows, a missing metric or a rule that gives no truth value refuses,
 * and leaves a champion where it is.
 */

export interface FamilyToJudge {
  readonly key: readonly string[]
  /** See `gatesOf`. The objective is added if it is not among them. */
  readonly gates: readonly Gate[]
  readonly objectives: BlueprintSpec['objectives']
  /** Of all levels, in any order. */
  readonly fits: readonly FitRow[]
  readonly evidence: ReadonlyMap<ModelName, Evidence>
  /**
   * Members that are served by another version than the candidate: it goes on when the candidate is
   * refused or failed, and then it is what answers for those below, the candidate standing for it.
   */
  readonly championsStay: ReadonlySet<ModelName>
}

interface Outcome extends RuleOutcome {
  readonly result: RuleResult['kind']
  /** See `CompiledRule.reads`. */
  readonly reads: readonly string[]
}

/** Which rival a rule is about is told by what it reads, whatever its name. */
function isAbout(rival: 'parent' | 'baseline', outcome: Outcome): boolean {
  const path = `evidence.vs.${rival}`
  return outcome.reads.some(read => read === path || read.startsWith(`${path}.`))
}

/**
 * The decision of all outcomes and its reason code. `hasAncestor`: one will answer in the member's
 * place. Where none will, as at the root, nothing is pruned: a champion must stay.
 */
function decide(
  outcomes: readonly Outcome[],
  hasAncestor: boolean,
): { decision: Decision; reason: string } {
  const failed = outcomes.filter(o => !o.holds)
  if (failed.length === 0) return { decision: 'kept', reason: 'kept' }
  // First: a member whose ancestor answers better is no fault, whatever else it fails, and needs no
  // champion.
  const failedAbout = (rival: 'parent' | 'baseline'): boolean =>
    failed.some(o => o.result === 'fails' && isAbout(rival, o))
  if (hasAncestor && failedAbout('parent')) {
    return { decision: 'pruned', reason: 'not-worth-keeping' }
  }
  // Without an ancestor the baseline stood in for the parent, so either says the same.
  if (failedAbout('baseline') || failedAbout('parent')) {
    return { decision: 'refused', reason: 'worse-than-baseline' }
  }
  return { decision: 'refused', reason: `gate-${failed[0]?.gate}` }
}

function askRules(
  rules: readonly CompiledRule[],
  subject: RuleSubject,
  note: string,
): readonly Outcome[] {
  const variables = variablesOf(subject)
  return rules.map(compiled => {
    const { gate, from, expression } = compiled.rule
    const result = compiled.evaluate(variables)
    const saw = rulesWords(compiled, result, subject, note)
    const holds = result.kind === 'holds'
    return { gate, from, expression, holds, saw, result: result.kind, reads: compiled.reads }
  })
}

function judgeMember(
  member: Judged,
  versus: Versus,
  rules: readonly CompiledRule[],
  input: FamilyToJudge,
): Verdict {
  const { name, depth, evidence, fit } = member
  const subject: RuleSubject = {
    level: roleOf(depth, input.key.length),
    depth,
    trainRows: fit.trainRows,
    evidence,
    versus: versus.versus,
    objectives: input.objectives,
  }
  const outcomes = askRules(rules, subject, versus.note)
  const { decision, reason } = decide(outcomes, versus.against !== undefined)
  const rival = versus.versus.parent ?? versus.versus.baseline
  const plain = outcomes.map(({ result: _, reads: __, ...outcome }): RuleOutcome => outcome)
  const sentence =
    rival === undefined ? 'nothing to compare with' : becauseOf(decision, evidence, rival, plain)
  const expected = versus.against === undefined ? undefined : versus.versus.parent?.expected
  return {
    name,
    decision,
    reason,
    because: sentence,
    rules: plain,
    ...(versus.against === undefined ? {} : { against: versus.against }),
    ...(expected === undefined || !Number.isFinite(expected) ? {} : { expected }),
  }
}

function failedVerdict(fit: FitRow & { readonly state: 'failed' }): Verdict {
  return { name: fit.name, decision: 'failed', reason: fit.code, because: fit.because, rules: [] }
}

function unjudgedVerdict(name: ModelName, evidence: Evidence | undefined): Verdict {
  const because =
    evidence === undefined
      ? 'no evidence was recorded, so no gate could be asked'
      : `no rows in the judging span ${evidence.span}, so no gate could be asked`
  return { name, decision: 'refused', reason: 'no-judging-rows', because, rules: [] }
}

/**
 * One verdict for every fit, by depth and then in the order given. Throws E_POLICY_COMPLEXITY or
 * E_SPEC for a rule that `checkRules` would have named.
 */
export function judgeFamily(input: FamilyToJudge): readonly Verdict[] {
  const objective = objectiveGate(input.objectives)
  const given = input.gates.filter(g => g.from !== 'objective')
  const rules = given.map(compileRule)
  const rootRules = objective === undefined ? rules : [...rules, compileRule(objective)]
  const depths: FitRow[][] = []
  for (const fit of input.fits) {
    const depth = levelOf(fit.name)
    const row = depths[depth]
    if (row === undefined) depths[depth] = [fit]
    else row.push(fit)
  }
  const answering = new Set<ModelName>()
  const verdicts: Verdict[] = []
  for (const [depth, fits] of depths.entries()) {
    if (fits === undefined) continue
    const judged = new Map<ModelName, Judged>()
    for (const fit of fits) {
      const evidence = input.evidence.get(fit.name)
      if (fit.state === 'failed' || evidence === undefined || !(evidence.candidate.rows > 0))
        continue
      judged.set(fit.name, { name: fit.name, depth, fit, evidence })
    }
    const versus = compareDepth([...judged.values()], answering)
    for (const fit of fits) {
      const member = judged.get(fit.name)
      const comparison = member && versus.get(member)
      if (fit.state === 'failed') verdicts.push(failedVerdict(fit))
      else if (member === undefined || comparison === undefined) {
        verdicts.push(unjudgedVerdict(fit.name, input.evidence.get(fit.name)))
      } else {
        verdicts.push(judgeMember(member, comparison, depth === 0 ? rootRules : rules, input))
      }
      const { decision } = verdicts[verdicts.length - 1]!
      const stays = decision !== 'pruned' && input.championsStay.has(fit.name)
      if (decision === 'kept' || stays) answering.add(fit.name)
    }
  }
  return verdicts
}
