import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { freePort, ready, temporaryHome } from './program.ts'

const program = fileURLToPath(new URL('../../bin/muster.mjs', import.meta.url))

test('a server whose door was killed ends', { timeout: 60_000 }, async () => {
  using home = temporaryHome('door')
  const port = await freePort()
  const env = {
    ...process.env,
    MUSTER_HOME: home.path,
    MUSTER_PORT: String(port),
    MUSTER_DOOR: '1',
  }
  const server = spawn(process.execPath, [program, 'up'], {
    env,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const end = once(server, 'exit')
  await ready(port, server)
  server.disconnect() // As the kernel does when the door dies.
  expect(await end).toEqual([0, null])
})
