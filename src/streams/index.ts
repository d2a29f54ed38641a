export { amqpInput } from './amqp/input.ts'
export { amqpOutput } from './amqp/output.ts'
export { pause } from './bell.ts'
export { BrokerInput, backoff, type StreamParts } from './broker-input.ts'
export { isBinaryEvent, structuredMessage } from './http/events.ts'
export { HttpInput } from './http/input.ts'
export { kafkaInput } from './kafka/input.ts'
export { kafkaOutput } from './kafka/output.ts'
export {
  keptBytesMax,
  messageBytesMax,
  type OutgoingMessage,
  type StreamHealth,
  type StreamInput,
  type StreamMessage,
  type StreamOutput,
} from './message.ts'
export { mqttInput } from './mqtt/input.ts'
export { mqttOutput } from './mqtt/output.ts'
export { natsInput } from './nats/input.ts'
export { natsOutput } from './nats/output.ts'
export { type OpenedInput, openInput, openOutput, type StreamsAt } from './open.ts'
export {
  checkNoTable,
  hasMark,
  type NewTable,
  type TableRows,
  writeTable,
} from './postgres/table.ts'
export { webhookOutput } from './webhook/output.ts'
