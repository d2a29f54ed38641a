import {
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { type AddressInfo, Server as NetServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { asMusterError, MusterError } from '../../base/errors.ts'
import { decompress, frame, isReadable, MessageReader } from './framing.ts'
import { readTimeout, trailersOf } from './status.ts'
import { type UploadMethod, uploaded } from './upload.ts'

/*
 * gRPC on node:http2: paths to methods, messages in frames, a status in the trailers. Its own and
 * not a library's, because a call costs several times more there than the model and HTTP together
 * (docs/decisions/0013); what of gRPC is not served here, nobody sends to an inference server.
 */

/** What a method knows of its call beside the message. */
export interface Call {
  readonly headers: IncomingHttpHeaders
  /** Of `grpc-timeout`; NaN when it is none. */
  readonly deadlineMs: number | undefined
  readonly requestId: string
  /** Nobody waits for the answer any more. Read at any time. */
  readonly waiting: { readonly aborted: boolean }
}

/** One message in, one out; framed already where it was written for that. */
export interface UnaryMethod {
  readonly kind: 'unary'
  answer(message: Buffer, call: Call): Promise<Buffer>
}

/** Any number both ways. What is given back is told when the caller is done, or gone. */
export interface StreamMethod {
  readonly kind: 'stream'
  open(call: Call, out: StreamOut): StreamIn
}
export interface StreamOut {
  send(message: Uint8Array): void
  /** Ends it well, or with a refusal. */
  end(error?: MusterError): void
}
export interface StreamIn {
  message(message: Buffer): void
  /** The caller sends no more. */
  half(): void
  closed(): void
}

export type Methods = ReadonlyMap<string, UnaryMethod | UploadMethod | StreamMethod>

export interface GrpcServerOptions {
  /** By path: `/inference.GRPCInferenceService/ModelInfer`. */
  readonly methods: Methods
  /** Of what is answered as INTERNAL, with its cause. */
  readonly failed?: (error: unknown, requestId: string) => void
  readonly requestTimeoutMs?: number
}

export interface GrpcServer {
  readonly port: number
  /** Takes no new calls, and resolves when those that it took are answered, or after `mostMs`. */
  drain(noticeMs: number, mostMs: number): Promise<void>
}

/** gRPC's own default for what a receiver takes: clients count on it. */
const messageBytesMax = 4 * 1_048_576
/** Of messages that are not whole yet, over all calls: 256 MiB. */
const heldBytesMax = 256 * 1_048_576
/** As long as a request over HTTP may take to arrive. */
const requestTimeoutMs = 30_000
/** Calls at a time on one connection: a client that has more of them waits, and opens another. */
const streamsPerConnectionMax = 1_024
/** Metadata of one call, as of HTTP/1.1 here. */
const metadataBytesMax = 16_384
const connectionsMax = 10_000

const okHeaders = { ':status': 200, 'content-type': 'application/grpc+proto' } as const
const okTrailers = { 'grpc-status': '0' } as const
const accepted = 'identity,gzip'

/** Listens. Rejects with what `listen` of Node gives. */
export async function listenGrpc(
  options: GrpcServerOptions,
  at: { readonly host: string; readonly port: number },
): Promise<GrpcServer> {
  const calls = new Calls(options)
  const server = createServer({
    settings: {
      maxConcurrentStreams: streamsPerConnectionMax,
      maxHeaderListSize: metadataBytesMax,
      enablePush: false,
    },
  })
  server.maxConnections = connectionsMax
  server.on('session', session => calls.connected(session))
  server.on('stream', (stream, headers, _flags, raw) => calls.take(stream, headers, raw))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(at, resolve)
  })
  server.removeAllListeners('error')
  const sweeping = setInterval(() => calls.sweep(performance.now()), 1_000)
  sweeping.unref()
  return {
    port: (server.address() as AddressInfo).port,
    async drain(noticeMs, mostMs) {
      await drainServer(server, calls, noticeMs, mostMs)
      clearInterval(sweeping)
    },
  }
}

/**
 * GOAWAY twice, as gRPC's servers do: first one that names no last call, so that what is on its way
 * is still taken, then the final one. What comes after that was not looked at, and clients send it
 * again elsewhere by themselves.
 */
async function drainServer(
  server: Http2Server,
  calls: Calls,
  noticeMs: number,
  mostMs: number,
): Promise<void> {
  // Not the server's own `close`, which ends every connection at once.
  const closed = new Promise<void>(resolve => {
    NetServer.prototype.close.call(server, () => resolve())
  })
  for (const session of calls.sessions) {
    if (!session.closed) session.goaway(constants.NGHTTP2_NO_ERROR, 2 ** 31 - 1)
  }
  await sleep(noticeMs)
  calls.endStreams()
  for (const session of calls.sessions) session.close()
  const late = new AbortController()
  await Promise.race([
    closed,
    sleep(mostMs, undefined, { signal: late.signal }).catch(() => undefined),
  ])
  late.abort()
  for (const session of calls.sessions) session.destroy()
}

class Calls {
  readonly sessions = new Set<ServerHttp2Session>()
  readonly #methods: Methods
  readonly #failed: (error: unknown, requestId: string) => void
  readonly #timeoutMs: number
  /** Calls whose message is not whole yet, and when they began. */
  readonly #arriving = new Map<ServerHttp2Stream, number>()
  readonly #streaming = new Set<StreamOut>()
  #held = 0
  #taken = 0

  constructor(options: GrpcServerOptions) {
    this.#methods = options.methods
    this.#failed = options.failed ?? (() => undefined)
    this.#timeoutMs = options.requestTimeoutMs ?? requestTimeoutMs
  }

  connected(session: ServerHttp2Session): void {
    this.sessions.add(session)
    session.once('close', () => this.sessions.delete(session))
    // A connection that breaks harms its own calls only.
    session.on('error', () => undefined)
  }

  endStreams(): void {
    for (const out of this.#streaming) {
      out.end(new MusterError('E_NOT_SERVING', 'this server is about to end'))
    }
  }

  sweep(nowMs: number): void {
    for (const [stream, sinceMs] of this.#arriving) {
      if (nowMs - sinceMs < this.#timeoutMs) break
      this.#arriving.delete(stream)
      refuse(stream, new MusterError('E_REQUEST_SLOW', 'the request took too long to arrive'), '')
    }
  }

  take(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[]): void {
    stream.on('error', () => undefined)
    const type = headers['content-type']
    if (headers[':method'] !== 'POST' || type === undefined || !isGrpc(type)) {
      const status = headers[':method'] === 'POST' ? 415 : 405
      stream.respond({ ':status': status }, { endStream: true })
      stream.close(constants.NGHTTP2_NO_ERROR)
      return
    }
    this.#taken += 1
    const requestId = `grpc-${this.#taken.toString(36)}`
    const method = this.#methods.get(headers[':path']!)
    if (method === undefined) {
      const what = 'there is no such method'
      const hint = 'reflection lists the services and their methods'
      refuse(stream, new MusterError('E_METHOD', what, { hint }), requestId)
      return
    }
    let metadataBytes = 0
    for (const text of raw) metadataBytes += text.length
    if (metadataBytes > metadataBytesMax) {
      const what = `the metadata has ${metadataBytes} bytes; the limit is ${metadataBytesMax}`
      refuse(stream, new MusterError('E_HEADERS', what), requestId)
      return
    }
    const encoding = headers['grpc-encoding'] as string | undefined
    if (!isReadable(encoding)) {
      const what = 'messages of this grpc-encoding are not read'
      const error = new MusterError('E_MEDIA_TYPE', what, { hint: `use ${accepted}` })
      refuse(stream, error, requestId)
      return
    }
    const call: Call = {
      headers,
      deadlineMs: readTimeout(headers['grpc-timeout'] as string | undefined),
      requestId,
      waiting: stream,
    }
    if (method.kind === 'unary') this.#unary(stream, method, call, encoding)
    else if (method.kind === 'upload') this.#upload(stream, method, call, encoding)
    else this.#stream(stream, method, call, encoding)
  }

  #unary(
    stream: ServerHttp2Stream,
    method: UnaryMethod,
    call: Call,
    encoding: string | undefined,
  ): void {
    const reader = new MessageReader(messageBytesMax)
    this.#arriving.set(stream, performance.now())
    let isTaken = false
    const fail = (error: unknown) => this.#refuse(stream, error, call.requestId)
    const answer = (message: Buffer) => {
      method.answer(message, call).then(framed => respond(stream, framed), fail)
    }
    const take = (message: Buffer, isCompressed: boolean) => {
      if (isTaken) return
      isTaken = true
      this.#arriving.delete(stream)
      if (!isCompressed) answer(message)
      else decompress(message, encoding, messageBytesMax).then(answer, fail)
    }
    this.#read(stream, reader, take, fail)
    stream.once('end', () => {
      if (!isTaken) fail(new MusterError('E_USAGE', 'the call ended before its message was whole'))
    })
  }

  #upload(
    stream: ServerHttp2Stream,
    method: UploadMethod,
    call: Call,
    encoding: string | undefined,
  ): void {
    this.#arriving.set(stream, performance.now())
    const message = uploaded(stream, method, encoding, () => this.#arriving.delete(stream))
    stream.once('close', () => this.#arriving.delete(stream))
    method.answer(message, call).then(
      framed => respond(stream, framed),
      error => this.#refuse(stream, error, call.requestId),
    )
  }

  #stream(
    stream: ServerHttp2Stream,
    method: StreamMethod,
    call: Call,
    encoding: string | undefined,
  ): void {
    const reader = new MessageReader(messageBytesMax)
    const out: StreamOut = {
      send: message => {
        if (stream.writable) stream.write(frame(message))
      },
      end: error => {
        if (!this.#streaming.delete(out) || stream.destroyed) return
        const trailers = error === undefined ? okTrailers : trailersOf(error, call.requestId)
        stream.once('wantTrailers', () => stream.sendTrailers(trailers))
        stream.end()
      },
    }
    this.#streaming.add(out)
    stream.respond(okHeaders, { waitForTrailers: true })
    const fail = (error: unknown) => out.end(asMusterError(error))
    let into: StreamIn
    try {
      into = method.open(call, out)
    } catch (error) {
      fail(error)
      return
    }
    const take = (message: Buffer, isCompressed: boolean) => {
      const plain = isCompressed
        ? decompress(message, encoding, messageBytesMax)
        : Promise.resolve(message)
      plain.then(one => into.message(one)).catch(fail)
    }
    this.#read(stream, reader, take, fail)
    stream.once('end', () => into.half())
    stream.once('close', () => {
      this.#streaming.delete(out)
      into.closed()
    })
  }

  /** Messages as they come, within what may be held over all calls. */
  #read(
    stream: ServerHttp2Stream,
    reader: MessageReader,
    take: (message: Buffer, isCompressed: boolean) => void,
    fail: (error: unknown) => void,
  ): void {
    let held = 0
    const settle = (now: number) => {
      this.#held += now - held
      held = now
    }
    stream.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk, take)
        if (held !== reader.held) settle(reader.held)
        if (this.#held > heldBytesMax) {
          throw new MusterError('E_BUSY', 'too many large messages arrive at once')
        }
      } catch (error) {
        stream.removeAllListeners('data')
        stream.resume()
        fail(error)
      }
    })
    stream.once('close', () => {
      this.#arriving.delete(stream)
      if (held !== 0) settle(0)
    })
  }

  #refuse(stream: ServerHttp2Stream, thrown: unknown, requestId: string): void {
    const error = asMusterError(thrown)
    if (error.status === 500) this.#failed(thrown, requestId)
    refuse(stream, error, requestId)
  }
}

function isGrpc(type: string): boolean {
  return (
    type === 'application/grpc' ||
    type === 'application/grpc+proto' ||
    /^application\/grpc(?:\+proto)?;/.test(type)
  )
}

function respond(stream: ServerHttp2Stream, framed: Buffer): void {
  if (stream.destroyed || stream.headersSent) return
  stream.once('wantTrailers', sendOk)
  stream.respond(okHeaders, { waitForTrailers: true, sendDate: false } as object)
  stream.end(framed)
}

function sendOk(this: ServerHttp2Stream): void {
  this.sendTrailers(okTrailers)
}

/** Headers that are the trailers too; what is still on its way from the caller is not read. */
function refuse(stream: ServerHttp2Stream, error: MusterError, requestId: string): void {
  if (stream.destroyed || stream.headersSent) return
  const isRead = stream.readableEnded
  stream.respond(
    { ...okHeaders, 'grpc-accept-encoding': accepted, ...trailersOf(error, requestId) },
    { endStream: true },
  )
  if (!isRead) stream.close(constants.NGHTTP2_NO_ERROR)
}
