import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { BinaryReader } from '@bufbuild/protobuf/wire'

/*
 * A receiver of OTLP over HTTP: it decodes ExportTraceServiceRequest of
 * opentelemetry/proto/collector/trace/v1, as far as tests look at it.
 */

export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly name: string
  readonly kind: number
  readonly startNs: bigint
  readonly endNs: bigint
  readonly attributes: Readonly<Record<string, unknown>>
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
  /** 2: an error. */
  readonly statusCode: number
}

type Fields = ReadonlyMap<number, readonly unknown[]>

/** Of a message, by number: bytes, numbers, and fixed64 as bigint. */
function fieldsOf(bytes: Uint8Array): Fields {
  const reader = new BinaryReader(bytes)
  const fields = new Map<number, unknown[]>()
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag()
    const value =
      wire === 2
        ? reader.bytes()
        : wire === 1
          ? reader.fixed64()
          : wire === 5
            ? reader.fixed32()
            : reader.int64()
    fields.set(number, [...(fields.get(number) ?? []), value])
  }
  return fields
}

const all = (fields: Fields, number: number) => (fields.get(number) ?? []) as Uint8Array[]
const text = (bytes: unknown) => Buffer.from((bytes ?? []) as Uint8Array).toString('utf8')
const hex = (bytes: unknown) => Buffer.from((bytes ?? []) as Uint8Array).toString('hex')

function anyValue(bytes: Uint8Array): unknown {
  const value = fieldsOf(bytes)
  if (value.has(1)) return text(value.get(1)![0])
  if (value.has(2)) return Boolean(Number(value.get(2)![0]))
  if (value.has(3)) return Number(value.get(3)![0])
  if (!value.has(4)) return undefined
  const bits = new DataView(new ArrayBuffer(8))
  bits.setBigUint64(0, BigInt(value.get(4)![0] as bigint))
  return bits.getFloat64(0)
}

function attributesOf(pairs: readonly Uint8Array[]): Record<string, unknown> {
  return Object.fromEntries(
    pairs.map(pair => {
      const fields = fieldsOf(pair)
      return [text(fields.get(1)?.[0]), anyValue(all(fields, 2)[0]!)]
    }),
  )
}

function spanOf(bytes: Uint8Array): ReceivedSpan {
  const fields = fieldsOf(bytes)
  const status = all(fields, 15)[0]
  return {
    traceId: hex(fields.get(1)?.[0]),
    spanId: hex(fields.get(2)?.[0]),
    parentSpanId: hex(fields.get(4)?.[0]),
    name: text(fields.get(5)?.[0]),
    kind: Number(fields.get(6)?.[0]),
    startNs: BigInt(fields.get(7)![0] as bigint),
    endNs: BigInt(fields.get(8)![0] as bigint),
    attributes: attributesOf(all(fields, 9)),
    links: all(fields, 13).map(link => {
      const about = fieldsOf(link)
      return { traceId: hex(about.get(1)?.[0]), spanId: hex(about.get(2)?.[0]) }
    }),
    statusCode: status ? Number(fieldsOf(status).get(3)?.[0] ?? 0) : 0,
  }
}

export class OtlpReceiver implements AsyncDisposable {
  readonly spans: ReceivedSpan[] = []
  readonly headers: Record<string, unknown>[] = []
  resource: Record<string, unknown> = {}
  /** What it answers. */
  status = 200
  readonly #server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    this.headers.push(request.headers)
    if (this.status === 200) this.#take(Buffer.concat(chunks))
    response.writeHead(this.status, { 'content-type': 'application/x-protobuf' }).end()
  })

  static async open(): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver()
    receiver.#server.listen(0, '127.0.0.1')
    await once(receiver.#server, 'listening')
    return receiver
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  #take(body: Uint8Array): void {
    for (const resourceSpans of all(fieldsOf(body), 1)) {
      const fields = fieldsOf(resourceSpans)
      this.resource = attributesOf(all(fieldsOf(all(fields, 1)[0]!), 1))
      for (const scopeSpans of all(fields, 2)) {
        for (const span of all(fieldsOf(scopeSpans), 2)) this.spans.push(spanOf(span))
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
