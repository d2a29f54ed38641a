import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../test/e2e/program.ts'
import { feastPython } from '../peers/python.ts'
import { pin } from '../process-tree.ts'
import { startMuster } from './online-fleet.ts'

/* The servers that `online.ts` asks. All have core 0; Redis has core 1. */

export interface Side {
  readonly name: string
  readonly url: string
  readonly pid: number
}

/** Ten thousand entities are written within half a minute on a loaded machine. */
const startLimitMs = 240_000

const script = (name: string) => fileURLToPath(new URL(name, import.meta.url))

export async function startSides(
  names: readonly string[],
  entities: number,
  stack: AsyncDisposableStack,
): Promise<Side[]> {
  const port = await freePort()
  const redis = spawn('redis-server', ['--port', `${port}`, '--save', '', '--bind', '127.0.0.1'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  stack.defer(() => void redis.kill())
  await said(redis, 'Ready to accept connections')
  redis.stdout.resume()
  pin(redis.pid!, '1')
  const sides: Side[] = []
  for (const name of names) {
    console.error(`starting ${name}`)
    const side = await within(startSide(name, `redis://127.0.0.1:${port}`, entities, stack), name)
    if (side === undefined) continue
    pin(side.pid, '0')
    sides.push(side)
  }
  return sides
}

async function startSide(
  name: string,
  redisUrl: string,
  entities: number,
  stack: AsyncDisposableStack,
): Promise<Side | undefined> {
  switch (name) {
    case 'muster-redis':
    case 'muster-lmdb': {
      const onlineUrl = name === 'muster-redis' ? redisUrl : undefined
      const { url, pid } = stack.use(await startMuster(entities, onlineUrl))
      return { name, url, pid }
    }
    case 'ceiling':
    case 'tuned': {
      const words = [script('online-ceiling.ts'), redisUrl, `${entities}`, name]
      const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
      stack.defer(() => void child.kill())
      return { name, url: `http://127.0.0.1:${await said(child, /^\d+$/)}`, pid: child.pid! }
    }
    case 'feast':
      return startFeast(redisUrl, entities, stack)
    default:
      throw new Error(`there is no side ${name}`)
  }
}

async function startFeast(
  redisUrl: string,
  entities: number,
  stack: AsyncDisposableStack,
): Promise<Side | undefined> {
  const found = feastPython()
  if ('missing' in found) {
    console.log(`feast: not measured: ${found.missing}`)
    return undefined
  }
  const port = await freePort()
  const words = [script('../peers/features/online_server.py'), redisUrl.slice('redis://'.length)]
  const child = spawn(found.python, [...words, `${port}`, `${entities}`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  // Its workers are told by it to end.
  stack.defer(() => new Promise(done => child.once('exit', done).kill('SIGTERM')))
  await said(child, 'written')
  child.stdout.resume()
  const url = `http://127.0.0.1:${port}`
  while (!(await fetch(`${url}/health`).catch(() => undefined))?.ok) {
    if (child.exitCode !== null) throw new Error('feast: its server ended')
    await new Promise(done => setTimeout(done, 100))
  }
  return { name: 'feast', url, pid: child.pid! }
}

/** The first line of its output that has this in it. */
async function said(child: ChildProcess, word: string | RegExp): Promise<string> {
  for await (const line of createInterface({ input: child.stdout! })) {
    if (line.match(word)) return line
  }
  throw new Error(`it ended before it said ${word}`)
}

async function within<T>(started: Promise<T>, name: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`${name} was not up within ${startLimitMs / 1_000} s`)
    timer = setTimeout(() => reject(error), startLimitMs)
  })
  try {
    return await Promise.race([started, late])
  } finally {
    clearTimeout(timer)
  }
}
