import { digestOf } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import type { MessageFieldType, TriggerSpec } from '../spec/index.ts'
import {
  isBinaryEvent,
  messageBytesMax,
  type StreamMessage,
  structuredMessage,
} from '../streams/index.ts'

/*
 * From a message as a broker has it to what a graph is asked: parsed, checked against the declared
 * fields, and named. Pure. What is refused here is refused for good, for the bytes do not change.
 */

/** A message that a graph can be asked with. */
export interface Decoded {
  readonly id: string
  /** JSON: an object. */
  readonly value: unknown
}

/** A clock of a tool may go a little fast. */
const futureMostMs = 5 * 60_000
/** Longer names are told apart by their digest. */
const idLengthMax = 300
/** A JSON parser's stack is not for strangers to fill. */
const depthMax = 64

/** What names a message that cannot be decoded. */
export function nameOf(id: string): string {
  // PostgreSQL has no text with a NUL, and nobody means other control characters.
  const plain = id.length <= idLengthMax && !/[\u0000-\u001f]/.test(id)
  return plain ? id : digestOf(id)
}

/** Throws E_MESSAGE, E_TOO_LARGE, E_REPLY_TO, E_EVENT_TIME. */
export function decode(
  message: StreamMessage,
  trigger: Omit<TriggerSpec, 'from'>,
  now: Date,
): Decoded {
  if (message.sizeBytes > messageBytesMax) {
    throw new MusterError('E_TOO_LARGE', `the message has ${message.sizeBytes} bytes`, {
      hint: `send at most ${messageBytesMax}; larger things belong into a file that is named`,
    })
  }
  checkReplyTo(message.replyTo, trigger.replyTo)
  const event = trigger.format === 'cloudevents' ? eventOf(message) : message
  const value = parse(event.body)
  checkFields(value, trigger.fields)
  checkTime(event.headers['ce-time'], 'time', now)
  if (trigger.eventTime !== undefined) {
    checkTime(value[trigger.eventTime], trigger.eventTime, now)
  }
  return { id: idOf(event, value, trigger.messageId), value }
}

/** A CloudEvent that came through a broker; over HTTP it was unpacked already. */
function eventOf(message: StreamMessage): StreamMessage {
  if (/^application\/cloudevents\+json/i.test(message.headers['content-type'] ?? '')) {
    return structuredMessage(parse(message.body))
  }
  if (isBinaryEvent(message.headers)) {
    const { 'ce-source': source, 'ce-id': id } = message.headers
    if (!source || !id) throw wrong('it is an event without id or source', 'send ce-id, ce-source')
    return { ...message, id: `${source} ${id}` }
  }
  const value = parse(message.body)
  if ('specversion' in value) return structuredMessage(value)
  throw wrong('it is no CloudEvent', 'send ce- headers, or application/cloudevents+json')
}

function parse(body: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body)
    checkDepth(text)
    value = JSON.parse(text)
  } catch (error) {
    if (error instanceof MusterError) throw error
    throw wrong('it is not JSON', 'send one JSON object in UTF-8')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrong('it is not a JSON object', 'send one: {"tool": "etch-7", ...}')
  }
  return value as Record<string, unknown>
}

/** By brackets, those within texts too: an upper bound of the depth. */
function checkDepth(text: string): void {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x5b || code === 0x7b) {
      if (++depth > depthMax) throw wrong(`it is nested deeper than ${depthMax}`, 'send it flatter')
    } else if (code === 0x5d || code === 0x7d) depth--
  }
}

function checkFields(
  value: Readonly<Record<string, unknown>>,
  fields: Readonly<Record<string, MessageFieldType>>,
): void {
  for (const [field, type] of Object.entries(fields)) {
    if (!Object.hasOwn(value, field)) {
      throw wrong(`the field \`${field}\` is missing`, `send it as ${type}`, field)
    }
    if (!isOfType(value[field], type)) {
      throw wrong(`the field \`${field}\` is not of type ${type}`, `send it as ${type}`, field)
    }
  }
}

function isOfType(value: unknown, type: MessageFieldType): boolean {
  switch (type) {
    case 'number':
      return typeof value === 'number' && Number.isFinite(value)
    case 'text':
      return typeof value === 'string'
    case 'boolean':
      return typeof value === 'boolean'
    case 'time':
      return !Number.isNaN(timeMs(value))
    case 'any':
      return value !== undefined
    default:
      return type satisfies never
  }
}

/** RFC 3339, or milliseconds since 1970. NaN for anything else. */
function timeMs(value: unknown): number {
  if (typeof value === 'number') return Number.isFinite(value) ? value : Number.NaN
  if (typeof value !== 'string' || !/^\d{4}-\d{2}-\d{2}([T ]|$)/.test(value)) return Number.NaN
  return Date.parse(value)
}

function checkTime(value: unknown, field: string, now: Date): void {
  if (value === undefined) return
  const ms = timeMs(value)
  if (Number.isNaN(ms)) throw wrong(`\`${field}\` is not a time`, 'send RFC 3339, UTC', field)
  if (ms > now.getTime() + futureMostMs) {
    throw new MusterError('E_EVENT_TIME', `\`${field}\` is of the future`, {
      field,
      hint: 'see to the clock of the sender',
    })
  }
}

/** An answer is sent nowhere that the declaration does not name, whatever a message asks for. */
function checkReplyTo(replyTo: string | undefined, allowed: readonly string[]): void {
  if (replyTo === undefined) return
  const isAllowed = allowed.some(one =>
    one.endsWith('*') ? replyTo.startsWith(one.slice(0, -1)) : replyTo === one,
  )
  if (isAllowed && !replyTo.startsWith('$')) return
  throw new MusterError('E_REPLY_TO', 'the message asks for a reply to where none may go', {
    field: 'replyTo',
    hint: 'leave it out, or allow the place: replyTo of the trigger',
  })
}

function idOf(
  message: StreamMessage,
  value: Readonly<Record<string, unknown>>,
  from: TriggerSpec['messageId'],
): string {
  if (from === undefined) return nameOf(message.id)
  const [found, place] =
    'header' in from
      ? [message.headers[from.header.toLowerCase()], `header \`${from.header}\``]
      : [value[from.field], `field \`${from.field}\``]
  if ((typeof found === 'string' && found !== '') || typeof found === 'number') {
    return nameOf(String(found))
  }
  throw wrong(`the ${place}, which names it, is missing`, 'send a text or a number there')
}

function wrong(what: string, hint: string, field?: string): MusterError {
  return new MusterError('E_MESSAGE', what, { hint, ...(field !== undefined && { field }) })
}
