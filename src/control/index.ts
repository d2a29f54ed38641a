export { CurrentFleet } from './current-fleet.ts'
export { openDesk } from './desk.ts'
export type { DeskParts } from './desk-parts.ts'
export type { OnlineParts } from './online.ts'
