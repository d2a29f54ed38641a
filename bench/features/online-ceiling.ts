import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Redis } from 'iovalkey'
import { featureCount, featureOf, features } from './online-fleet.ts'

/*
 * The ceiling of `online.ts`: what Node can do at most with the same wire and the same Redis. The
 * values of an entity are the float64s of one key; a request is JSON.parse, one MGET and an answer
 * of the same bytes, and nothing is checked. Arguments: URL of the Redis, entities, and how:
 *
 *   ceiling  a command for each request, and JSON.stringify: what one would write
 *   tuned    one command for all requests of a turn of the event loop, and what features share is
 *            spelled once: what one could write
 *
 * Prints the port when it listens.
 */

const [url, entities, how] = [process.argv[2]!, Number(process.argv[3]), process.argv[4]]
const redis = new Redis(url)
for (let entity = 0; entity < entities; entity++) {
  const values = Float64Array.from({ length: featureCount }, (_, k) => featureOf(entity, k))
  void redis.set(`ceiling:${entity}`, Buffer.from(values.buffer))
}
await redis.ping()
const eventTime = new Date().toISOString()
const noTime = '1970-01-01T00:00:00Z'

type Row = Float64Array

function rowOf(bytes: Buffer | null): Row {
  const own = new Uint8Array(bytes!) // A copy begins where a float64 may begin.
  return new Float64Array(own.buffer)
}

const keysOf = (asked: readonly number[]) => asked.map(entity => `ceiling:${entity}`)

async function plainAnswer(asked: readonly number[]): Promise<string> {
  const rows = (await redis.mgetBuffer(keysOf(asked))).map(rowOf)
  const statuses = asked.map(() => 'PRESENT')
  const event_timestamps = asked.map(() => eventTime)
  const results = features.map((_, k) => ({
    values: rows.map(row => row[k]),
    statuses,
    event_timestamps,
  }))
  return JSON.stringify({
    metadata: { feature_names: ['entity', ...features] },
    results: [{ values: asked, statuses, event_timestamps: asked.map(() => noTime) }, ...results],
    status: true,
  })
}

interface Waiting {
  readonly asked: readonly number[]
  readonly resolve: (rows: readonly Row[]) => void
}
let waiting: Waiting[] = []

async function readAll(): Promise<void> {
  const all = waiting
  waiting = []
  const found = await redis.mgetBuffer(all.flatMap(({ asked }) => keysOf(asked)))
  let from = 0
  for (const { asked, resolve } of all) {
    resolve(found.slice(from, from + asked.length).map(rowOf))
    from += asked.length
  }
}

const head = `{"metadata":${JSON.stringify({ feature_names: ['entity', ...features] })},"results":[`
const tail = '],"status":true}'

async function tunedAnswer(asked: readonly number[]): Promise<Buffer> {
  const rows = await new Promise<readonly Row[]>(resolve => {
    if (waiting.length === 0) setImmediate(readAll)
    waiting.push({ asked, resolve })
  })
  const toldOf = (time: string) => {
    const statuses = JSON.stringify(asked.map(() => 'PRESENT'))
    return Buffer.from(
      `,"statuses":${statuses},"event_timestamps":${JSON.stringify(asked.map(() => time))}}`,
    )
  }
  const told = toldOf(eventTime)
  const first = toldOf(noTime)
  const entity = `{"values":${JSON.stringify(asked)}`
  const texts = features.map((_, k) => `,{"values":${JSON.stringify(rows.map(row => row[k]))}`)
  let length = head.length + entity.length + first.length + tail.length
  for (const text of texts) length += text.length + told.length
  const answer = Buffer.allocUnsafe(length)
  let at = answer.write(head, 'latin1')
  at += answer.write(entity, at, 'latin1')
  at += first.copy(answer, at)
  for (const text of texts) {
    at += answer.write(text, at, 'latin1')
    at += told.copy(answer, at)
  }
  answer.write(tail, at, 'latin1')
  return answer
}

const answer = how === 'tuned' ? tunedAnswer : plainAnswer
const server = createServer((request, response) => {
  let body = ''
  request.setEncoding('utf8')
  request.on('data', chunk => {
    body += chunk
  })
  request.on('end', async () => {
    const { entities: asked } = JSON.parse(body) as { entities: { entity: readonly number[] } }
    const bytes = await answer(asked.entity)
    const type = 'application/json; charset=utf-8'
    response.writeHead(200, { 'content-type': type, 'content-length': Buffer.byteLength(bytes) })
    response.end(bytes)
  })
})
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
