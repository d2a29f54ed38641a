import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import { apiRoutes, type ControlDesk } from '../../src/api/index.ts'
import { type DeskState, memoryDesk, newDeskState } from './memory-desk.ts'

export interface TestServer extends AsyncDisposable {
  readonly app: FastifyInstance
  readonly url: string
  readonly state: DeskState
  readonly desk: ControlDesk
}

/** The real control API over a desk in memory, on a free port of the loopback. */
export async function startServer(
  more: (app: FastifyInstance) => void = () => {},
): Promise<TestServer> {
  const state = newDeskState()
  const app = Fastify()
  const desk = memoryDesk(state)
  await apiRoutes(app, { desk, version: '0.1.0' })
  more(app)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  return {
    app,
    state,
    desk,
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => app.close(),
  }
}
