export { stepKey } from './advance.ts'
export { apply } from './apply.ts'
export { carryOutStep, type WorkerParts } from './carry-out.ts'
export { codeVersion } from './code-version.ts'
export {
  bindDeclared,
  type DeclarationProblem,
  type ReadSpec,
  readDeclared,
  SpecRefused,
} from './declared.ts'
export { Healer, type Healing, isDamage } from './heal.ts'
export { Loop, type LoopParts, type StepQueue } from './loop.ts'
export { type Proposal, type ProposeAt, propose } from './propose.ts'
export { editedViews } from './published.ts'
