import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { treeResidentBytes } from '../src/main/memory.ts'
import { openSlowPlane, slowBody, slowName } from './slow-plane.ts'

/*
 * F31: an open loop of callers on a real data plane. The graph is real and takes milliseconds a row
 * more, as a heavy one would: else the callers could not offer ten times of it. First its capacity,
 * by callers who wait for their answers; then 1, 2, 5 and 10 times that, each call with 100 ms to
 * live, counted from when it was due. Without `--http` callers and plane share a thread, so that
 * what is offered is not bounded by sockets, and what the callers and the refusals cost counts
 * against it. With it they are two processes, and what waits in the sockets counts too.
 *
 *   node sim/overload.ts [--http] [seconds=10] [models=1000]
 */

const words = process.argv.slice(2)
const overHttp = words.includes('--http')
const [seconds = 10, models = 1_000] = words.filter(word => word !== '--http').map(Number)
const deadlineMs = 100

/** What a call may come to: its number, or why it was refused. */
type Ask = (member: number, deadlineMs?: number) => Promise<number>

interface Target extends Disposable {
  readonly ask: Ask
  readonly pid: number
}

class Refused extends Error {
  readonly code: string
  constructor(code: string) {
    super(code)
    this.code = code
  }
}

async function inProcess(): Promise<Target> {
  const plane = await openSlowPlane(models, 1)
  const ask: Ask = async (member, deadlineMs) => {
    const asked = { model: slowName(member), body: slowBody, deadlineMs }
    return (await plane.inferRows(asked)).values[0]!
  }
  return { ask, pid: process.pid, [Symbol.dispose]: () => plane.close() }
}

/** Of sockets at once: a tenth of a second of ten times the capacity, and room. */
const socketsMax = 512

async function otherProcess(): Promise<Target> {
  const script = new URL('./overload-server.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [script, String(models), '4'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const port = Number(String((await once(child.stdout, 'data'))[0]))
  const agent = new Agent({ keepAlive: true, maxSockets: socketsMax, maxFreeSockets: socketsMax })
  const text = JSON.stringify(slowBody)
  const ask: Ask = (member, deadlineMs) =>
    new Promise((resolve, reject) => {
      const path = `/v2/models/${slowName(member)}/infer`
      const headers = {
        'content-type': 'application/json',
        'content-length': text.length,
        ...(deadlineMs !== undefined && { 'x-request-deadline-ms': deadlineMs }),
      }
      const sent = request({ agent, port, host: '127.0.0.1', method: 'POST', path, headers })
      sent.once('error', () => reject(new Refused('no connection')))
      sent.once('response', answer => {
        let body = ''
        answer.setEncoding('utf8')
        answer.on('data', chunk => {
          body += chunk
        })
        answer.once('end', () => {
          const said = JSON.parse(body)
          if (answer.statusCode === 200) resolve(said.outputs[0].data[0])
          else reject(new Refused(said.code))
        })
        answer.once('error', () => reject(new Refused('no connection')))
      })
      sent.end(text)
    })
  const close = () => {
    agent.destroy()
    child.kill()
  }
  return { ask, pid: child.pid!, [Symbol.dispose]: close }
}

interface Found {
  readonly offered: number
  readonly good: number
  readonly afterDeadline: number
  readonly refused: Readonly<Record<string, number>>
  readonly wrong: number
}

/** Between two rounds of sending: to send without a pause would take a processor for itself. */
const roundMs = 1

async function offer(ask: Ask, perSecond: number): Promise<Found> {
  const refused: Record<string, number> = {}
  let [offered, good, afterDeadline, wrong, open] = [0, 0, 0, 0, 0]
  const begunMs = performance.now()
  while (performance.now() - begunMs < seconds * 1_000) {
    const due = ((performance.now() - begunMs) / 1_000) * perSecond
    for (; offered < due; offered++) {
      const member = offered % models
      const dueMs = begunMs + (offered / perSecond) * 1_000
      // What is left of it: callers too are late where they have no processor.
      const leftMs = Math.max(1, Math.floor(dueMs + deadlineMs - performance.now()))
      open += 1
      ask(member, leftMs)
        .then(
          value => {
            if (value !== member + 0.5) wrong += 1
            if (performance.now() - dueMs <= deadlineMs) good += 1
            else afterDeadline += 1
          },
          (error: { code: string }) => {
            refused[error.code] = (refused[error.code] ?? 0) + 1
          },
        )
        .finally(() => {
          open -= 1
        })
    }
    await sleep(roundMs)
  }
  while (open > 0) await sleep(roundMs)
  return { offered, good, afterDeadline, refused, wrong }
}

async function capacityOf(ask: Ask): Promise<number> {
  const until = performance.now() + seconds * 1_000
  let done = 0
  const callers = Array.from({ length: 64 }, async (_, caller) => {
    for (let i = caller; performance.now() < until; i++, done++) await ask(i % models)
  })
  await Promise.all(callers)
  return done / seconds
}

using target = overHttp ? await otherProcess() : await inProcess()
const { ask, pid } = target
// Of each socket one: callers under load are callers from before.
if (overHttp) await Promise.allSettled(Array.from({ length: socketsMax }, () => ask(0)))
await offer(ask, 100)
const capacity = await capacityOf(ask)
console.log(`capacity ${Math.round(capacity)} calls a second`)
console.log('offered   a second  good a second  of capacity  finished late  refused  RSS MiB')
for (const times of [1, 2, 5, 10]) {
  const { offered, good, afterDeadline, refused, wrong } = await offer(ask, capacity * times)
  if (wrong > 0) throw new Error(`${wrong} answers were another model's`)
  const row = [
    `${times}x`.padStart(7),
    String(Math.round(offered / seconds)).padStart(10),
    String(Math.round(good / seconds)).padStart(14),
    `${Math.round((100 * good) / seconds / capacity)} %`.padStart(12),
    String(afterDeadline).padStart(14),
    Object.entries(refused)
      .map(([code, count]) => `${code} ${count}`)
      .join(', ') || 'none',
    String(Math.round(treeResidentBytes(pid) / 2 ** 20)),
  ]
  console.log(row.join('  '))
}
