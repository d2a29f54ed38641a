export type { IntakeAt } from './at.ts'
export { type Judgement, judgeSnapshot } from './judge.ts'
export { type AcceptedRows, type IncomingRows, type PushAt, type Pushed, pushRows } from './push.ts'
