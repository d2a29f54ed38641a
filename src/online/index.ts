export { type FollowOptions, type Materialised, OnlineFeatures } from './online-features.ts'
export { openOnlineStore } from './open-store.ts'
export type { OnlineStore } from './store.ts'
