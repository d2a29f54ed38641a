export { type Connection, Connections, readConnections } from './connections.ts'
export { filesOf, type Places } from './locate.ts'
export { defineSource, pathsOf, rowNumber } from './relation.ts'
export { takeSnapshot } from './snapshot.ts'
