import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  freePort,
  interrupt,
  killGroup,
  launch,
  ready,
  run,
  temporaryHome,
} from '../../test/e2e/program.ts'

/*
 * The fleet of the online benchmarks: one pushed source, one group of its newest values, one view
 * of 50 features. The same entities, values and names as the peers have.
 */

export const featureCount = 50
export const features = Array.from({ length: featureCount }, (_, k) => `f${k}`)

/** Feature `k` of entity `e`, as `peers/features/online_server.py` makes it. */
export function featureOf(entity: number, k: number): number {
  return ((entity * 131 + k * 17) % 1_009) / 8
}

const list = (items: readonly string[]) => items.join(', ')

const declaration = `apiVersion: muster/v1
fleet: bench
defaults: { owner: bench, riskClass: low }
---
kind: Source
name: rows
push: { partition: month }
eventTime: event_timestamp
key: [entity]
columns: { entity: BIGINT, event_timestamp: TIMESTAMP, ${list(features.map(f => `${f}: DOUBLE`))} }
---
kind: FeatureGroup
name: newest
source: rows
latest:
  - { by: [entity], ttl: 1d, values: { ${list(features.map(f => `${f}: ${f}`))} } }
---
kind: FeatureView
name: all
version: 1
rows: rows
features: { ${list(features.map(f => `${f}: { from: newest.${f} }`))} }
`

/** Lines of JSON for `POST /sources/rows/rows`, one an entity. */
export function linesOf(entities: readonly number[], at: Date, shift = 0): string {
  const lines = entities.map(entity => {
    const row: Record<string, number | string> = { entity, event_timestamp: at.toISOString() }
    for (let k = 0; k < featureCount; k++) row[`f${k}`] = featureOf(entity, k) + shift
    return `${JSON.stringify(row)}\n`
  })
  return lines.join('')
}

export interface MusterUp extends AsyncDisposable {
  readonly url: string
  /** The server; its database and workers are children of it. */
  readonly pid: number
}

/** One that does not end by itself is ended: a benchmark is no test of that. */
const endLimitMs = 30_000
/** How many rows one delivery brings while the store is filled. */
const rowsAtOnce = 1_000

/** `muster up` with the fleet applied and `entities` entities pushed. */
export async function startMuster(entities: number, onlineUrl?: string): Promise<MusterUp> {
  const onlineEnv = onlineUrl === undefined ? {} : { MUSTER_ONLINE: onlineUrl }
  const home = temporaryHome('online')
  writeFileSync(join(home.path, 'muster.yaml'), declaration)
  const port = await freePort()
  const env = { ...onlineEnv, MUSTER_WORKERS: '1', MUSTER_VERIFY_MINUTES: '0' }
  const where = { home: join(home.path, 'state'), port, cwd: home.path, env }
  const server = launch(['up'], where)
  const url = `http://127.0.0.1:${port}`
  const end = () => killGroup(server)
  process.once('exit', end)
  const apply = async () => {
    const { code, stderr } = await run(['apply'], where)
    if (code !== 0) throw new Error(`the fleet was not applied:\n${stderr}`)
  }
  await ready(port, server)
  await apply()
  const all = Array.from({ length: entities }, (_, e) => e)
  for (let from = 0; from < entities; from += rowsAtOnce) {
    await push(url, linesOf(all.slice(from, from + rowsAtOnce), new Date()))
  }
  await apply() // What was pushed becomes a snapshot, by which the columns of the view are known.
  return {
    url,
    pid: server.pid!,
    async [Symbol.asyncDispose]() {
      const late = setTimeout(end, endLimitMs)
      await interrupt(server)
      clearTimeout(late)
      process.removeListener('exit', end)
      home[Symbol.dispose]()
    },
  }
}

export async function push(url: string, lines: string): Promise<void> {
  const answer = await fetch(`${url}/api/v1/sources/rows/rows`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: lines,
  })
  if (answer.status !== 202) throw new Error(`${answer.status} ${await answer.text()}`)
  await answer.body?.cancel()
}
