export { type AnswerRule, compileAnswerRule } from './answer-rule.ts'
export { measuredWords } from './because.ts'
export { checkGates, type GateProblem } from './check-gates.ts'
export { checkRules, type RuleProblem } from './check-rules.ts'
export { gatesOf, objectiveGate, policiesOf } from './gates-of.ts'
export { type FamilyToJudge, judgeFamily } from './judge-family.ts'
export { ruleCharactersMax, ruleDepthMax, ruleElementsMax, ruleNestingMax } from './rule-limits.ts'
export { differenceWords, metricWord } from './saw.ts'
export {
  asVariable,
  compileValue,
  sumOf,
  type ValueExpression,
  type ValueResult,
  type Variables,
  valueCharactersMax,
  valueNodesMax,
  voteOf,
} from './value-expression.ts'
