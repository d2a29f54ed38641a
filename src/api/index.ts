export type { ControlDesk } from './desk.ts'
