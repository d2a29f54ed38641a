import { CloudEvent } from 'cloudevents'
import { MusterError } from '../../base/errors.ts'
import { boundedBody, type StreamMessage } from '../message.ts'

/*
 * CloudEvents 1.0 over HTTP, in its three modes: binary (attributes in ce-* headers, data in the
 * body), structured (one JSON object) and batch (a list of them). Events of KServe's logger
 * (org.kubeflow.serving.inference.request) are requests of the Open Inference Protocol and pass as
 * any other; their id is that of the request. A trace goes on from the HTTP header `traceparent`,
 * the hop that brought the event; else from the extension of that name (distributed tracing).
 */

/** Of one batch; a sender that has more sends more batches. */
const eventsMax = 1_000

/** Throws E_MESSAGE. */
export function readEvents(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  body: Uint8Array,
): readonly StreamMessage[] {
  const type = String(headers['content-type'] ?? '')
  if (!/^application\/cloudevents/i.test(type)) return [binaryMessage(headers, body)]
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(body).toString())
  } catch {
    throw wrong('it is not JSON')
  }
  const isBatch = /^application\/cloudevents-batch\+json/i.test(type)
  if (isBatch !== Array.isArray(parsed)) throw wrong('its content type says otherwise')
  const events = isBatch ? (parsed as unknown[]) : [parsed]
  if (events.length > eventsMax) throw wrong(`it has ${events.length} events, at most ${eventsMax}`)
  return events.map(event => structuredMessage(event, hop(headers)))
}

/** Data and attributes of an event that came as one JSON object, from any broker. */
export function structuredMessage(event: unknown, traceparent?: string): StreamMessage {
  if (typeof event !== 'object' || event === null) throw wrong('an event is a JSON object')
  const { data, data_base64: base64, ...attributes } = event as Record<string, unknown>
  check(attributes)
  const body =
    typeof base64 === 'string'
      ? Buffer.from(base64, 'base64')
      : Buffer.from(data === undefined ? '' : JSON.stringify(data))
  return messageOf(attributes, body, traceparent)
}

function binaryMessage(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  body: Uint8Array,
): StreamMessage {
  const attributes: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith('ce-') || value === undefined) continue
    attributes[name.slice(3)] = percentDecoded(String(value))
  }
  if (headers['content-type']) attributes.datacontenttype = String(headers['content-type'])
  check(attributes)
  return messageOf(attributes, body, hop(headers))
}

function hop(headers: Readonly<Record<string, string | string[] | undefined>>): string | undefined {
  return headers.traceparent === undefined ? undefined : String(headers.traceparent)
}

/** Required attributes and the forms of the others, as the SDK of the specification has them. */
function check(attributes: Readonly<Record<string, unknown>>): void {
  if (attributes.specversion !== '1.0') throw wrong('its specversion is not 1.0')
  try {
    new CloudEvent(attributes as never, true)
  } catch (error) {
    const { errors } = error as { errors?: unknown }
    const words = Array.isArray(errors)
      ? errors.map(one => (one as { message?: string }).message ?? '').join('; ')
      : (error as Error).message
    throw wrong(words.slice(0, 300))
  }
}

function messageOf(
  attributes: Readonly<Record<string, unknown>>,
  body: Uint8Array,
  traceparent = attributes.traceparent,
): StreamMessage {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(attributes)) {
    headers[name === 'datacontenttype' ? 'content-type' : `ce-${name}`] = String(value)
  }
  if (typeof traceparent === 'string') headers.traceparent = traceparent
  return {
    // `id` is unique for its source.
    id: `${attributes.source} ${attributes.id}`,
    key: typeof attributes.subject === 'string' ? attributes.subject : undefined,
    headers,
    ...boundedBody(body),
    redelivered: false,
    replyTo: undefined,
  }
}

/** Values in headers are percent-encoded, says the HTTP binding. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw wrong('a ce- header has a stray %')
  }
}

function wrong(what: string): MusterError {
  return new MusterError('E_MESSAGE', `the body is no CloudEvent: ${what}`, {
    hint: 'send id, source, specversion 1.0 and type: github.com/cloudevents/spec',
  })
}

/** Whether headers of a message are attributes of a CloudEvent in binary mode. */
export function isBinaryEvent(headers: Readonly<Record<string, string>>): boolean {
  return headers['ce-specversion'] !== undefined
}
