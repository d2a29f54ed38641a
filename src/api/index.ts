export type { CatalogueDesk } from './catalogue-desk.ts'
export type { ControlDesk } from './desk.ts'
export { type ApiOptions, apiRoutes } from './routes.ts'
