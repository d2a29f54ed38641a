export { CurrentFleet } from './current-fleet.ts'
export { openDesk } from './desk.ts'
export type { DeskParts } from './desk-parts.ts'
