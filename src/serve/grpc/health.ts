import { asMusterError, MusterError } from '../../base/errors.ts'
import type { DataPlane } from '../data-plane.ts'
import { frame } from './framing.ts'
import { decode, encode, serviceNames } from './protos.ts'
import type { StreamMethod, StreamOut, UnaryMethod } from './server.ts'

/*
 * grpc.health.v1: of the server (an empty name), and of each of its services, which are ready when
 * it is. Models are asked by ModelReady.
 */

const status = { serving: 1, notServing: 2, serviceUnknown: 3 } as const
const answerType = 'grpc.health.v1.HealthCheckResponse'
/** Watchers at a time: what a cluster has of sidecars and balancers, and more. */
const watchersMax = 1_000
/** As often as the plane looks at itself. */
const lookEveryMs = 250

export function healthMethods(plane: Pick<DataPlane, 'isReady'>): {
  readonly check: UnaryMethod
  readonly watch: StreamMethod
} {
  const watchers = new Watchers(() => (plane.isReady ? status.serving : status.notServing))
  return {
    check: {
      kind: 'unary',
      async answer(message) {
        const service = readService(message)
        if (isKnown(service)) return frame(encode(answerType, { status: watchers.now() }))
        throw new MusterError('E_NOT_FOUND', 'there is no such service', { field: 'service' })
      },
    },
    watch: {
      kind: 'stream',
      open: (_call, out) => {
        let isAsked = false
        return {
          message(message) {
            if (isAsked) throw new MusterError('E_USAGE', 'one message says what is watched')
            isAsked = true
            if (isKnown(readService(message))) watchers.add(out)
            else out.send(encode(answerType, { status: status.serviceUnknown }))
          },
          half: () => undefined,
          closed: () => watchers.delete(out),
        }
      },
    },
  }
}

function isKnown(service: string): boolean {
  return service === '' || serviceNames.includes(service)
}

/** Throws E_USAGE. */
function readService(message: Buffer): string {
  try {
    return decode<{ service: string }>('grpc.health.v1.HealthCheckRequest', message).service
  } catch (error) {
    throw new MusterError('E_USAGE', 'this is no HealthCheckRequest', {
      cause: asMusterError(error),
    })
  }
}

/** Those who are told when it changes. One timer looks for all, while there is anybody. */
class Watchers {
  readonly now: () => number
  readonly #told = new Map<StreamOut, number>()
  #timer: NodeJS.Timeout | undefined

  constructor(now: () => number) {
    this.now = now
  }

  /** Throws E_BUSY. */
  add(out: StreamOut): void {
    if (this.#told.size >= watchersMax) {
      throw new MusterError('E_BUSY', `${watchersMax} watch already`)
    }
    this.#told.set(out, 0)
    this.#look()
    this.#timer ??= setInterval(() => this.#look(), lookEveryMs).unref()
  }

  delete(out: StreamOut): void {
    this.#told.delete(out)
    if (this.#told.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    const now = this.now()
    for (const [out, told] of this.#told) {
      if (told === now) continue
      this.#told.set(out, now)
      out.send(encode(answerType, { status: now }))
    }
  }
}
