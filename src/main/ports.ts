import { once } from 'node:events'
import { createServer } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { MusterError } from '../base/errors.ts'
import { ownerOf } from '../store/index.ts'
import type { Config } from './config.ts'

/* The port of HTTP: whether it can be had, and why not. */

/** Binds the port and lets it go: a second start is to end before it has started anything. */
export async function checkPort({ home, host, port }: Config): Promise<void> {
  // A folder with an owner is refused as such, and the port is likely that owner's.
  if ((await ownerOf(home)) !== undefined) return
  const probe = createServer()
  try {
    probe.listen({ host, port })
    await once(probe, 'listening')
  } catch (error) {
    throw portRefusal(error, { host, port })
  } finally {
    probe.close()
  }
}

export async function bind(app: FastifyInstance, at: Config): Promise<string> {
  try {
    return await app.listen({ host: at.host, port: at.port })
  } catch (error) {
    throw portRefusal(error, at)
  }
}

function portRefusal(error: unknown, { host, port }: Pick<Config, 'host' | 'port'>): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'EACCES') {
    return new MusterError('E_BIND', `port ${port} of ${host} may not be bound by this user`, {
      field: 'MUSTER_PORT',
      hint: 'choose one from 1024 on: MUSTER_PORT=7077',
    })
  }
  if (code !== 'EADDRINUSE') return error
  return new MusterError('E_BIND', `port ${port} of ${host} is taken`, {
    field: 'MUSTER_PORT',
    hint: 'another Muster may be up there (muster status); else choose one: MUSTER_PORT=7078',
  })
}
