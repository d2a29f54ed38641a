import { once } from 'node:events'
import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from 'node:http2'
import { frame } from './framing.ts'
import { decode } from './protos.ts'

/*
 * A client that sends whatever it is told, for tests: bytes as they are, headers that no client
 * would send. Real clients are tried in `test/clients`.
 */

export interface GrpcReply {
  /** -1: there was no status; the stream was cut, with this code of HTTP/2. */
  readonly status: number
  readonly cut: number | undefined
  readonly message: string
  /** Reason, of the details. */
  readonly code: string | undefined
  readonly hint: string | undefined
  readonly httpStatus: number
  readonly body: Buffer
}

export function connectGrpc(port: number): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`)
  session.on('error', () => undefined)
  return session
}

/** `chunks` are sent as they are; the call is half-closed after them unless `open`. */
export async function callRaw(
  session: ClientHttp2Session,
  path: string,
  chunks: readonly Uint8Array[],
  headers: OutgoingHttpHeaders = {},
  open = false,
): Promise<GrpcReply> {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  })
  let told: Record<string, unknown> = {}
  const body: Buffer[] = []
  stream.on('error', () => undefined)
  stream.on('response', got => {
    told = { ...told, ...got }
  })
  stream.on('trailers', got => {
    told = { ...told, ...got }
  })
  stream.on('data', (chunk: Buffer) => body.push(chunk))
  for (const chunk of chunks) stream.write(chunk)
  if (!open) stream.end()
  if (!stream.closed) await once(stream, 'close').catch(() => undefined)
  const details = detailsOf(told['grpc-status-details-bin'])
  return {
    status: Number(told['grpc-status'] ?? -1),
    cut: stream.rstCode,
    message: decodeURIComponent(String(told['grpc-message'] ?? '')),
    code: details?.reason,
    hint: details?.metadata.hint,
    httpStatus: Number(told[':status'] ?? 0),
    body: Buffer.concat(body),
  }
}

export function callUnary(
  session: ClientHttp2Session,
  method: string,
  message: Uint8Array,
  headers: OutgoingHttpHeaders = {},
): Promise<GrpcReply> {
  const path = `/inference.GRPCInferenceService/${method}`
  return callRaw(session, path, [frame(message)], headers)
}

interface ErrorInfo {
  readonly reason: string
  readonly metadata: Readonly<Record<string, string>>
}

function detailsOf(header: unknown): ErrorInfo | undefined {
  if (typeof header !== 'string') return undefined
  const status = decode<{ details: readonly { typeUrl: string; value: Uint8Array }[] }>(
    'google.rpc.Status',
    Buffer.from(header, 'base64'),
  )
  return decode<ErrorInfo>('google.rpc.ErrorInfo', status.details[0]!.value)
}
