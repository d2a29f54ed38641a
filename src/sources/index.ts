export { noArrow } from './arrow-texts.ts'
export type {
  AmqpConnection,
  BrokerConnection,
  KafkaConnection,
  MqttConnection,
  NatsConnection,
  WebhookConnection,
} from './broker-connections.ts'
export {
  type Connection,
  Connections,
  type PostgresConnection,
  readConnections,
} from './connections.ts'
export { fromText } from './convert.ts'
export { stabilityIndex } from './drift.ts'
export { isPublicAddress } from './egress.ts'
export { oddTimes } from './event-times.ts'
export { checkExpectations, expectationDigest, freshness } from './expectations.ts'
export { readArrowRows } from './held-arrow.ts'
export {
  fromHeld,
  type HeldRows,
  type HeldValue,
  heldAs,
  heldBytes,
  heldColumns,
  heldRowsOf,
  listTypeOf,
  loadedColumn,
} from './held-rows.ts'
export { momentOf, shownMoment } from './held-value.ts'
export { type ReadRows, readJsonLines } from './json-lines.ts'
export { type KeptShape, keptShape } from './kept-shape.ts'
export { emptySnapshot, type KeptParts, keptSnapshotOf } from './kept-snapshot.ts'
export type { Places } from './locate.ts'
export {
  columnsOfParquet,
  digestOfPath,
  fileColumns,
  type WrittenFile,
  writeFile,
  writePartitions,
} from './partitions.ts'
export { tableAt } from './postgres.ts'
export { type RowsBeyond, readBeyond } from './postgres-cursor.ts'
export { type Probe, probeConnection } from './probe.ts'
export { ownColumns, profileOf } from './profile.ts'
export { placeColumn, type RowsFile, type RowsFormat, readRows } from './read-rows.ts'
export { defineSource, pathsOf, rowNumber } from './relation.ts'
export { type Misfit, misfitOf, requestTextMax, tooLongKey } from './row-faults.ts'
export { putRowNumbers, wholeOf, withSetAside } from './set-aside.ts'
export { takeSnapshot } from './snapshot.ts'
export { diffSnapshots } from './snapshot-diff.ts'
