import type { Server } from 'node:http'
import { Server as NetServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { DataPlane } from './data-plane.ts'

/*
 * An end that loses nobody's request: first it says that it is not ready, so that whoever sends
 * requests here looks for another; then connections end one by one, each after an answer that says
 * `connection: close`; and only what is idle is cut.
 */

export interface DrainOptions {
  /** How long it goes on taking new connections after it said that it is not ready. */
  readonly noticeMs: number
  /** How long an idle connection may still bring a request before it is cut. */
  readonly idleMs: number
  /** When it ends whatever is still on its way: longer than a call takes, not as long as a hang. */
  readonly mostMs: number
}

export const drainOptions: DrainOptions = { noticeMs: 0, idleMs: 250, mostMs: 30_000 }
const lookEveryMs = 20

/**
 * Keeps no connection while the plane drains, or is short of memory: callers then spread to others.
 * On the server itself, so that every rim and every path is covered at no cost to them.
 */
export function spreadCallers(server: Server, plane: DataPlane): void {
  server.prependListener('request', (_request, response) => {
    if (plane.spreads || plane.isDraining) response.shouldKeepAlive = false
  })
}

/** Resolves once every request that was taken is answered, and the app closed. */
export async function drain(
  app: FastifyInstance,
  plane: DataPlane,
  options = drainOptions,
): Promise<void> {
  const { server } = app
  plane.drain()
  if (options.noticeMs > 0) await sleep(options.noticeMs)
  // Not the server's own `close`, which cuts idle connections at once: a request may be on its way.
  if (server.listening) NetServer.prototype.close.call(server)
  for (let waitedMs = 0; waitedMs < options.mostMs; waitedMs += lookEveryMs) {
    if (waitedMs >= options.idleMs) server.closeIdleConnections()
    if ((await connectionsOf(server)) === 0) break
    await sleep(lookEveryMs)
  }
  server.closeAllConnections()
  await app.close()
}

function connectionsOf(server: Server): Promise<number> {
  return new Promise(resolve => server.getConnections((_error, count) => resolve(count ?? 0)))
}
