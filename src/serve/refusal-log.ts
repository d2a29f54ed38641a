import type { FastifyRequest } from 'fastify'
import type { MusterError } from '../base/errors.ts'
import { spanOf } from './trace-http.ts'

/*
 * One line a refusal, by which an operator finds what a caller saw: request id (which the log of a
 * request has on every line), trace id, code.
 * Values of callers are JSON strings there, so a line of theirs is no line of the log.
 */

/** Under overload there are thousands a second, and a log must not be what ends a server. */
const linesPerSecond = 50

export class RefusalLog {
  #second = -1
  #lines = 0
  #left = 0

  write(error: MusterError, thrown: unknown, request: FastifyRequest): void {
    const span = spanOf(request)
    span?.fail(error.code)
    const { status, code, message, field, cause } = error
    if (!this.#hasRoom(status)) return
    const { method, url } = request.raw
    const about = {
      ...(span && { traceId: span.traceId }),
      code,
      status,
      method,
      url: url?.slice(0, 200),
      ...(field !== undefined && { field: field.slice(0, 200) }),
      ...(this.#left > 0 && { refusalsNotLogged: this.#left }),
      ...(status === 500 && { err: thrown }),
      // What the model's own run said, of which callers are told a part.
      ...(code === 'E_MODEL_RUN' && cause instanceof Error && { said: cause.message }),
    }
    this.#left = 0
    if (status === 500) request.log.error(about, message)
    else if (status > 500) request.log.warn(about, message)
    else request.log.info(about, message)
  }

  /** What broke inside is always told. */
  #hasRoom(status: number): boolean {
    if (status === 500) return true
    const second = Math.floor(performance.now() / 1_000)
    if (second !== this.#second) {
      this.#second = second
      this.#lines = 0
    }
    this.#lines += 1
    if (this.#lines <= linesPerSecond) return true
    this.#left += 1
    return false
  }
}
