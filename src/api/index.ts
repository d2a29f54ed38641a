export type { ControlDesk } from './desk.ts'
export { type ApiOptions, apiRoutes } from './routes.ts'
