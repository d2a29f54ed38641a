import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify'
import { type ErrorCode, MusterError } from '../base/errors.ts'
import type { Tracing } from '../telemetry/index.ts'
import { fromFramework, problemOf, problemType, retryAfterSeconds } from './problem.ts'
import { RefusalLog } from './refusal-log.ts'
import { echoRequestId, requestIds } from './request-id.ts'
import { traceRequests } from './trace-http.ts'

/*
 * The HTTP server that the data plane and the control API stand on, with Fastify's friendly
 * defaults turned off: they drop extra fields, turn 123 into "123" and null into "", parse
 * text/plain (so that any web page may post here without asking), decode ..%2f into parameters and
 * let a request take for ever.
 *
 * JSON bodies: `__proto__` and `constructor.prototype` are refused. Of a key given twice the last
 * counts, as JSON.parse has it; what must not be ambiguous (declarations) comes as text and is read
 * by the YAML parser.
 */

export interface StrictAppOptions {
  /**
   * Names beside the loopback ones by which this server is called, as in the Host header, without a
   * port.
   */
  readonly hosts?: readonly string[]
  /** Pages of other origins that may call, e.g. `https://fleet.example`. */
  readonly origins?: readonly string[]
  readonly logger?: FastifyBaseLogger
  readonly bodyBytesMax?: number
  readonly requestTimeoutMs?: number
  /** Absent: nothing is traced. */
  readonly tracing?: Tracing | undefined
}

/** 1 MiB: 4,096 rows of 16 features are 650 kB of JSON. */
const bodyBytesMax = 1_048_576
/** Long enough for that body over a slow line, and an end to senders that drip. */
const requestTimeoutMs = 30_000
/** How much later than that a request may be ended: Node looks at all connections so often. */
const lateMostMs = 5_000
/** For a caller to read why it is cut off, before it is. */
const lingerMs = 1_000
/** Node's own default, stated: larger headers are answered 431 by its parser. */
const headerBytesMax = 16_384

const loopback = ['127.0.0.1', 'localhost', '[::1]']

/** A server without routes. The caller registers them, listens and closes. */
export function createStrictApp(options: StrictAppOptions = {}): FastifyInstance {
  const timeoutMs = options.requestTimeoutMs ?? requestTimeoutMs
  const streams = new WeakSet<Socket>()
  const refuse = refuser(new RefusalLog())
  const app = Fastify({
    ...(options.logger ? { loggerInstance: options.logger } : { logger: false }),
    logController: new LogController({
      disableRequestLogging: true,
      requestIdLogLabel: 'requestId',
    }),
    genReqId: requestIds(),
    bodyLimit: options.bodyBytesMax ?? bodyBytesMax,
    requestTimeout: timeoutMs,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    http: {
      maxHeaderSize: headerBytesMax,
      // Node's own is a minute, whatever the limit of the whole request.
      headersTimeout: timeoutMs,
      connectionsCheckingInterval: Math.min(lateMostMs, timeoutMs),
    },
    // Longer names than any model has must still reach the check that says so.
    routerOptions: { maxParamLength: 4_096 },
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: true } },
    clientErrorHandler(error, socket) {
      const isLate = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      if (!isLate || !streams.has(socket)) refuseUnparsed(error, socket)
    },
    frameworkErrors: (error, request, reply) => void refuse(error, request, reply),
  })
  app.removeContentTypeParser('text/plain')
  // First of all, so that refusals of the others are traced.
  if (options.tracing) traceRequests(app, options.tracing)
  echoRequestId(app)
  app.addHook('onRequest', guard(options))
  app.addHook('onRequest', allowStreams(streams, timeoutMs))
  app.setErrorHandler((error, request, reply) => refuse(error, request, reply))
  app.setNotFoundHandler((request, reply) =>
    refuse(
      new MusterError('E_NOT_FOUND', 'there is nothing at this path', {
        hint: 'models answer at /v2/models/<name>/infer, the fleet at /api/v1',
      }),
      request,
      reply,
    ),
  )
  return app
}

function refuser(log: RefusalLog) {
  return (thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const error = fromFramework(thrown)
    log.write(error, thrown, request)
    const seconds = retryAfterSeconds(error)
    if (seconds !== undefined) reply.header('retry-after', String(seconds))
    return reply
      .code(error.status)
      .header('content-type', problemType)
      .header('x-content-type-options', 'nosniff')
      .send(JSON.stringify(problemOf(error, request.id)))
  }
}

type Done = (error?: Error) => void

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The body is of any length: it may take as long as it likes, if only it keeps coming. */
    streamsBody?: boolean
  }
}

/** Bodies that stream are not late; a sender that falls silent for `silenceMs` is cut off. */
function allowStreams(streams: WeakSet<Socket>, silenceMs: number) {
  return ({ raw, routeOptions }: FastifyRequest, _reply: FastifyReply, done: Done): void => {
    if (routeOptions.config.streamsBody) {
      const { socket } = raw
      const silent = (): void => void socket.destroy()
      streams.add(socket)
      socket.setTimeout(silenceMs, silent)
      // What is done with the body may take its time.
      raw.once('close', () => {
        streams.delete(socket)
        socket.setTimeout(0, silent)
      })
    }
    done()
  }
}

/**
 * What holds for every request, before any route sees it: the path decodes to plain names; the Host
 * is ours (a web page may point its own domain at 127.0.0.1: DNS rebinding); the Origin, when a
 * browser sends one, is ours, on every verb; no encoded body. X-Forwarded-* is not read.
 */
function guard(options: StrictAppOptions) {
  const hosts = new Set([...loopback, ...(options.hosts ?? [])].map(host => host.toLowerCase()))
  const origins = new Set(options.origins ?? [])
  return (request: FastifyRequest, _reply: FastifyReply, done: Done): void => {
    done(refusalOf(request, hosts, origins))
  }
}

function refusalOf(
  { raw: { url, headers }, method }: FastifyRequest,
  hosts: ReadonlySet<string>,
  origins: ReadonlySet<string>,
): MusterError | undefined {
  if (!isPlainPath(url!)) {
    return new MusterError('E_PATH', 'the path holds an encoded or dotted part')
  }
  const host = headers.host
  if (host === undefined || !hosts.has(hostName(host))) {
    return new MusterError('E_HOST', 'the Host header names another server', {
      hint: `call it by ${[...hosts].join(', ')}`,
    })
  }
  const site = headers['sec-fetch-site']
  if (headers.origin !== undefined || site !== undefined) {
    if (!isOwnPage(headers.origin, site, host, method, origins)) {
      return new MusterError('E_ORIGIN', 'the request comes from a page of another origin')
    }
  }
  const encoding = headers['content-encoding']
  if (encoding === undefined || encoding === 'identity') return undefined
  return new MusterError('E_MEDIA_TYPE', 'encoded bodies are not read', { hint: 'send it plain' })
}

/** `127.0.0.1:7077` to `127.0.0.1`, `[::1]:7077` to `[::1]`. */
function hostName(host: string): string {
  const end = host.endsWith(']') ? host.length : host.lastIndexOf(':')
  const name = end < 0 ? host : host.slice(0, end)
  return name.toLowerCase()
}

function isOwnPage(
  origin: string | undefined,
  site: string | string[] | undefined,
  host: string,
  method: string,
  origins: ReadonlySet<string>,
): boolean {
  if (origin !== undefined) return origins.has(origin) || origin === `http://${host}`
  // Browsers leave Origin out of plain navigation, which may come from anywhere; it reads, and
  // changes nothing.
  return method === 'GET' || method === 'HEAD' || site === 'same-origin' || site === 'none'
}

/**
 * Names need no escape but `~`, so an encoded slash, dot, backslash, percent or control is never
 * meant well.
 */
function isPlainPath(url: string): boolean {
  const query = url.indexOf('?')
  const path = query < 0 ? url : url.slice(0, query)
  if (path.includes('\\') || path.includes('/.')) return false
  if (!path.includes('%')) return true
  if (/%(?:2f|5c|25|7f|[01][0-9a-f])/i.test(path)) return false
  try {
    return !decodeURIComponent(path).includes('/.')
  } catch {
    return false // Not UTF-8: %c0%ae is a dot to old decoders.
  }
}

/** What Node's parser refuses before there is a request: it is answered on the socket itself. */
function refuseUnparsed(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy()
    return
  }
  const [code, detail]: readonly [ErrorCode, string] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['E_HEADERS', `the headers are above ${headerBytesMax} bytes`]
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['E_REQUEST_SLOW', 'the request took too long to arrive']
        : error.code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW'
          ? ['E_TOO_LARGE', 'the chunk extensions are too large']
          : ['E_USAGE', 'this is not a well formed HTTP/1.1 request']
  const problem = problemOf(new MusterError(code, detail), 'unparsed')
  const body = JSON.stringify(problem)
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\ncontent-type: ${problemType}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
  // The other side may never close its half, and would hold a descriptor for ever.
  setTimeout(() => socket.destroy(), lingerMs).unref()
}
