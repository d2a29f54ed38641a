import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { sampleBody } from '../src/serve/sample-family.fixture.ts'

/*
 * Faults of a process and of its connections, each done to a real server and told as it was seen;
 * what is not as it has to be is thrown. For `npm run sim:faults` and for the tests.
 */

const child = fileURLToPath(new URL('./children/serve-sample.ts', import.meta.url))

interface Sample extends AsyncDisposable {
  readonly port: number
  readonly process: ChildProcess
}

async function serveSample(at: {
  readonly heapMb?: number
  readonly filesMax?: number
  readonly requestMs?: number
}): Promise<Sample> {
  const heap = at.heapMb ? [`--max-old-space-size=${at.heapMb}`] : []
  const node = [process.execPath, ...heap, child, String(at.requestMs ?? 30_000)]
  const [command, ...args] = at.filesMax ? ['prlimit', `--nofile=${at.filesMax}`, ...node] : node
  const server = spawn(command!, args, { stdio: ['pipe', 'pipe', 'ignore'] })
  const [said] = (await once(server.stdout!, 'data')) as [Buffer]
  return {
    port: Number(said.toString()),
    process: server,
    async [Symbol.asyncDispose]() {
      if (server.exitCode !== null || server.signalCode !== null) return
      server.kill('SIGKILL')
      await once(server, 'exit')
    },
  }
}

const one = JSON.stringify(sampleBody([1]))

/** The status, or the code of what failed. */
function call(
  port: number,
  { path = '/v2/models/route-delay/infer', body = one as string | null, agent = new Agent() },
): Promise<string> {
  return new Promise(resolve => {
    const failed = (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message)
    const method = body === null ? 'GET' : 'POST'
    const headers = { 'content-type': 'application/json' }
    const sent = request({ port, path, method, agent, headers }, answer => {
      answer.resume()
      answer.once('end', () => resolve(String(answer.statusCode)))
      answer.once('error', failed)
    })
    sent.once('error', failed)
    sent.end(body ?? undefined)
  })
}

function expectThat(holds: boolean, what: string): void {
  if (!holds) throw new Error(what)
}

function tally(ends: readonly string[]): string {
  const counts = Map.groupBy(ends, end => end)
  return [...counts].map(([end, { length }]) => `${end} x${length}`).join(', ')
}

/** F8: more is sent at once than the heap holds, for a while. */
export async function nearHeapLimit(seconds: number): Promise<string> {
  await using server = await serveSample({ heapMb: 40 })
  const rows = Array.from({ length: 4_000 }, (_, i) => i)
  const body = JSON.stringify(sampleBody(rows))
  const ends: string[] = []
  const untilMs = performance.now() + seconds * 1_000
  const caller = async () => {
    while (performance.now() < untilMs) {
      const end = await call(server.port, { body })
      ends.push(end)
      // A refusal says to come back in two seconds; a tenth of that is no friend.
      if (end !== '200') await sleep(200)
    }
  }
  await Promise.all(Array.from({ length: 200 }, caller))
  expectThat(server.process.exitCode === null && server.process.signalCode === null, 'it died')
  const unknown = ends.filter(end => !['200', '503', '429'].includes(end))
  expectThat(unknown.length === 0, `ended as ${tally(unknown)}`)
  for (let tries = 0; (await call(server.port, {})) !== '200'; tries++) {
    expectThat(tries < 100, 'it does not come back')
    await sleep(100)
  }
  return `${tally(ends)}; alive, and answers after`
}

/** What is answered in each grade of strain, from the first to all and back to none. */
const grades = [
  { share: 0.875, batch: '200', interactive: '200', keeps: false },
  { share: 0.925, batch: '503', interactive: '200', keeps: false },
  { share: 0.965, batch: '503', interactive: '503', keeps: false },
  { share: 0, batch: '200', interactive: '200', keeps: true },
] as const

interface Said {
  readonly status: string
  readonly keeps: boolean
  readonly retryAfter: string | undefined
}

async function say(port: number, priority: string): Promise<Said> {
  const answer = await fetch(`http://127.0.0.1:${port}/v2/models/route-delay/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-muster-priority': priority },
    body: one,
  })
  await answer.text()
  return {
    status: String(answer.status),
    keeps: answer.headers.get('connection') !== 'close',
    retryAfter: answer.headers.get('retry-after') ?? undefined,
  }
}

/** F8: the heap fills up, and every grade of the ladder is reached; then it is empty again. */
export async function everyGrade(): Promise<string> {
  await using server = await serveSample({ heapMb: 128 })
  const { port } = server
  for (const { share, ...wanted } of grades) {
    server.process.stdin!.write(`${share}\n`)
    let seen = ''
    for (let tries = 0; ; tries++) {
      const [batch, interactive] = [await say(port, 'batch'), await say(port, 'interactive')]
      const said = { batch: batch.status, interactive: interactive.status }
      seen = JSON.stringify({ ...said, keeps: interactive.keeps })
      if (seen === JSON.stringify(wanted) && hasRetryAfter(batch, interactive)) break
      expectThat(tries < 200, `at ${share} of its heap: ${seen}`)
      await sleep(50)
    }
  }
  expectThat((await fetch(`http://127.0.0.1:${port}/v2/health/live`)).ok, 'it is not live')
  return 'at 0.875 of its heap keeps no connection, at 0.925 sheds batch, at 0.965 all; then well'
}

function hasRetryAfter(...answers: readonly Said[]): boolean {
  return answers.every(({ status, retryAfter }) => status === '200' || retryAfter !== undefined)
}

/** F16: no descriptors are left. */
export async function noDescriptorsLeft(): Promise<string> {
  await using server = await serveSample({ filesMax: 64 })
  const { port } = server
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  expectThat((await call(port, { agent })) === '200', 'it answers before')
  const held: Socket[] = []
  for (let i = 0; i < 100; i++) {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('error', () => undefined)
    held.push(socket)
  }
  await sleep(300)
  const shed = held.filter(socket => socket.closed).length
  const kept = []
  for (const path of ['/v2/health/ready', '/metrics']) {
    kept.push(await call(port, { agent, path, body: null }))
  }
  kept.push(await call(port, { agent }))
  for (const socket of held) socket.destroy()
  await sleep(100)
  const after = await call(port, {})
  agent.destroy()
  expectThat(shed > 0, 'no socket was shed')
  expectThat(
    kept.every(end => end === '200'),
    `what was there had ${tally(kept)}`,
  )
  expectThat(after === '200', `after that: ${after}`)
  return `${shed} of 100 new sockets shed; health, metrics and calls on the one that was there: 200`
}

function descriptorsOf(server: Sample): number {
  return readdirSync(`/proc/${server.process.pid}/fd`).length
}

/** How long until the server ends a connection that does this, in ms. */
async function untilCut(port: number, act: (socket: Socket) => void, mostMs: number) {
  const socket = connect({ port, host: '127.0.0.1' })
  let said = ''
  socket.setEncoding('utf8').on('data', text => {
    said += text
  })
  socket.on('error', () => undefined)
  const startedMs = performance.now()
  await once(socket, 'connect')
  act(socket)
  const cut = once(socket, 'close').then(() => true)
  const isCut = await Promise.race([cut, sleep(mostMs, false, { ref: false })])
  const tookMs = performance.now() - startedMs
  socket.destroy()
  return { isCut, tookMs, status: /^HTTP\/1.1 (\d+)/.exec(said)?.[1] ?? 'no answer' }
}

const head = 'POST /v2/models/route-delay/infer HTTP/1.1\r\nhost: 127.0.0.1\r\n'
const drip = (text: string, everyMs: number) => (socket: Socket) => {
  let at = 0
  const timer = setInterval(
    () => socket.writable && socket.write(text[at++ % text.length]!),
    everyMs,
  )
  socket.once('close', () => clearInterval(timer))
}

/** F27: connections that say nothing, or say it slowly. */
export async function slowSenders(requestMs: number): Promise<string> {
  await using server = await serveSample({ requestMs })
  const { port } = server
  const mostMs = 3 * requestMs + 2_000
  const acts: Readonly<Record<string, (socket: Socket) => void>> = {
    silent: () => undefined,
    slowloris: socket => {
      socket.write(head)
      drip('x-a: b\r\n', requestMs / 20)(socket)
    },
    'a byte at a time': socket => {
      socket.write(`${head}content-type: application/json\r\ncontent-length: 500\r\n\r\n`)
      drip(' ', requestMs / 20)(socket)
    },
  }
  expectThat((await call(port, {})) === '200', 'it answers before')
  const before = descriptorsOf(server)
  // The other side of these never closes, whatever it is told.
  const halfOpen = Array.from({ length: 20 }, () => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.on('error', () => undefined)
    socket.write(`${head}content-type: application/json\r\ncontent-length: 500\r\n\r\n{`)
    return socket.pause()
  })
  const seen = await Promise.all(
    Object.entries(acts).map(async ([what, act]) => {
      const cuts = await Promise.all(Array.from({ length: 20 }, () => untilCut(port, act, mostMs)))
      expectThat(
        cuts.every(cut => cut.isCut),
        `${what}: still open after ${mostMs} ms`,
      )
      const longest = Math.max(...cuts.map(({ tookMs }) => tookMs))
      return `${what}: ${cuts[0]!.status} after ${(longest / 1_000).toFixed(1)} s`
    }),
  )
  expectThat((await call(port, {})) === '200', 'others are not answered')
  for (let waitedMs = 0; descriptorsOf(server) > before; waitedMs += 100) {
    expectThat(waitedMs < mostMs, `${descriptorsOf(server) - before} half open ones are held`)
    await sleep(100)
  }
  for (const socket of halfOpen) socket.destroy()
  return `${seen.join('; ')}; 20 half open: let go; others answered`
}
