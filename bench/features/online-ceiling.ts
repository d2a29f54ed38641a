import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Redis } from 'iovalkey'
import { featureCount, featureOf, features } from './online-fleet.ts'

/*
 * The ceiling of `online.ts`: what Node can do at most with the same wire and the same Redis. The
 * values of an entity are the float64s of one key; a request is one MGET and one JSON.stringify,
 * and nothing is checked. Arguments: URL of the Redis, entities. Prints the port when it listens.
 */

const [url, entities] = [process.argv[2]!, Number(process.argv[3])]
const redis = new Redis(url)
for (let entity = 0; entity < entities; entity++) {
  const values = Float64Array.from({ length: featureCount }, (_, k) => featureOf(entity, k))
  void redis.set(`ceiling:${entity}`, Buffer.from(values.buffer))
}
await redis.ping()
const eventTime = new Date().toISOString()

async function answer(body: string): Promise<string> {
  const asked = (JSON.parse(body) as { entities: { entity: readonly number[] } }).entities.entity
  const found = await redis.mgetBuffer(asked.map(entity => `ceiling:${entity}`))
  const rows = found.map(bytes => {
    const own = new Uint8Array(bytes!) // A copy begins where a float64 may begin.
    return new Float64Array(own.buffer)
  })
  const statuses = asked.map(() => 'PRESENT')
  const times = asked.map(() => eventTime)
  const results = features.map((_, k) => ({
    values: rows.map(row => row[k]),
    statuses,
    event_timestamps: times,
  }))
  return JSON.stringify({
    metadata: { feature_names: ['entity', ...features] },
    results: [{ values: asked, statuses, event_timestamps: times }, ...results],
    status: true,
  })
}

const server = createServer((request, response) => {
  let body = ''
  request.setEncoding('utf8')
  request.on('data', chunk => {
    body += chunk
  })
  request.on('end', async () => {
    const text = await answer(body)
    const type = 'application/json; charset=utf-8'
    response.writeHead(200, { 'content-type': type, 'content-length': Buffer.byteLength(text) })
    response.end(text)
  })
})
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
