export { carryOut } from './carry-out.ts'
export type { StepAt } from './fit-step.ts'
export { graphHead, signatureOf } from './head.ts'
