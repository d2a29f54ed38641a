import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { writeParquet } from '../src/engine/small-data.fixture.ts'
import { freePort, interrupt, launch, ready, run, temporaryHome } from './e2e/program.ts'

/*
 * A small fleet whose features come from everywhere: computed from the request, looked up online,
 * pushed a moment ago. Three stations, hourly through three months; the demand follows the docks
 * that are free, the hour and how far the trip goes.
 */

const declaration = `apiVersion: muster/v1
fleet: docks
defaults: { owner: docks, riskClass: low }
---
kind: Source
name: trips
files: trips.parquet
eventTime: starts
---
kind: Source
name: readings
push: { partition: month }
eventTime: taken
key: [station]
columns: { station: INTEGER, taken: TIMESTAMP, free: DOUBLE, state: VARCHAR }
---
kind: FeatureGroup
name: docks
source: readings
latest:
  - { by: [station], ttl: 90d, values: { free: free, state: state } }
---
kind: FeatureView
name: at-station
version: 1
rows: trips
request: { starts: TIMESTAMP, lat: DOUBLE, lon: DOUBLE, to_lat: DOUBLE, to_lon: DOUBLE }
features:
  hour: { sql: hour(starts), transform: cyclic(24) }
  far:
    sql: >-
      12742 * asin(sqrt(pow(sin(radians(to_lat - lat) / 2), 2)
      + cos(radians(lat)) * cos(radians(to_lat)) * pow(sin(radians(to_lon - lon) / 2), 2)))
    transform: standard
  docks.free: { transform: [impute(mean), standard] }
  docks.state: { type: category, transform: onehot(3) }
---
kind: Blueprint
name: demand
purpose: Bikes taken from a station
key: [station]
members: { atLeast: 100 }
view: at-station@1
label: demand
pipeline: ridge@1
spans: { train: 2026-01..2026-02, judge: 2026-03 }
`

const tripSql = `
  with hours as (
    select station, timestamp '2026-01-01' + to_hours(i) as starts, i,
      37.7 + station / 1000 as lat, -122.4 as lon,
      37.7 + (i % 17) / 200 as to_lat, -122.4 + (i % 5) / 100 as to_lon
    from range(90 * 24) t(i), (values (70), (71), (72)) s(station)
  )
  select station::integer as station, starts, lat::double as lat, lon::double as lon,
    to_lat::double as to_lat, to_lon::double as to_lon,
    20 + 2 * ((i // 6 + station) % 9) + 5 * sin(hour(starts) * pi() / 12) + 100 * (to_lat - lat)
      + if((i // 6) % 4 = 0, 6, 0) as demand
  from hours`

/** Of every six hours, as the trips follow them. */
function readings(): string {
  const lines: string[] = []
  for (let i = 0; i < 90 * 4; i++) {
    for (const station of [70, 71, 72]) {
      const taken = new Date(Date.UTC(2026, 0, 1) + i * 6 * 3_600_000).toISOString()
      const state = i % 4 === 0 ? 'full' : 'open'
      lines.push(JSON.stringify({ station, taken, free: (i + station) % 9, state }))
    }
  }
  return `${lines.join('\n')}\n`
}

export interface DocksServer extends AsyncDisposable {
  readonly url: string
  readonly where: Parameters<typeof run>[1]
  /** A reading of now. */
  push(station: number, free: number | null, state: string | null): Promise<void>
}

/** The program itself with the fleet trained and its history materialised. */
export async function startDocks(): Promise<DocksServer> {
  const home = temporaryHome('docks')
  writeFileSync(join(home.path, 'muster.yaml'), declaration)
  await writeParquet(join(home.path, 'trips.parquet'), tripSql)
  const port = await freePort()
  const where = { home: join(home.path, 'state'), port, cwd: home.path }
  const url = `http://127.0.0.1:${port}`
  const server = launch(['up'], where)
  const send = async (body: string, known: string) => {
    const answer = await fetch(`${url}/api/v1/sources/readings/rows?known=${known}`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body,
    })
    expect([answer.status, await answer.text()]).toEqual([202, expect.any(String)])
  }
  try {
    await ready(port, server)
    await run(['apply'], where) // Without readings nothing trains yet.
    await send(readings(), 'then')
    const applied = await run(['apply'], where)
    expect(applied.stderr).toContain('4 models declared')
    expect(applied.code).toBe(0)
  } catch (error) {
    await interrupt(server)
    home[Symbol.dispose]()
    throw error
  }
  return {
    url,
    where,
    push: (station, free, state) =>
      send(`${JSON.stringify({ station, taken: new Date().toISOString(), free, state })}\n`, 'now'),
    async [Symbol.asyncDispose]() {
      await interrupt(server)
      home[Symbol.dispose]()
    },
  }
}
