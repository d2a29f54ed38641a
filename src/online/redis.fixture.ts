import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'

/* A redis-server of one's own, on a free port and with nothing on disk. For tests only. */

export interface TestRedis extends AsyncDisposable {
  readonly url: string
  /** `kill -9`. */
  kill(): Promise<void>
  signal(name: 'SIGSTOP' | 'SIGCONT'): void
}

export async function startRedis(password?: string, at?: number): Promise<TestRedis> {
  const port = at ?? (await freePort())
  const words = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  if (password !== undefined) words.push('--requirepass', password)
  const server = spawn('redis-server', words, { stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const text of server.stdout) {
    if (String(text).includes('Ready to accept connections')) break
  }
  server.stdout.resume()
  const end = async (signal: NodeJS.Signals) => {
    if (server.exitCode !== null || server.signalCode !== null) return
    server.kill(signal)
    server.kill('SIGCONT')
    await once(server, 'exit')
  }
  const login = password === undefined ? '' : `:${password}@`
  return {
    url: `redis://${login}127.0.0.1:${port}`,
    kill: () => end('SIGKILL'),
    signal: name => void server.kill(name),
    [Symbol.asyncDispose]: () => end('SIGTERM'),
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  await once(probe, 'close')
  return port
}
