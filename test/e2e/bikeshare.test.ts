import { copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openEngine } from '../../src/engine/index.ts'
import { skipBecause } from '../strict.ts'
import { freePort, interrupt, launch, ready, run, temporaryHome } from './program.ts'

const data = '../shared/data/bikeshare-bay'
const files = ['trips.parquet', 'stations.parquet', 'weather.parquet']

/*
 * A fleet on a grid: demand at each station an hour ahead, from windows over trips, the newest row
 * of the station and of the weather, and a label that looks ahead. Its quality stands beside that
 * of the forecast that everybody has: the same hour of the week before.
 */
test('demand an hour ahead, three groups joined as of the hour', { timeout: 180_000 }, async at => {
  if (!existsSync(data)) skipBecause(at, `${data} is not there`)
  using home = temporaryHome('bikeshare')
  copyFileSync('test/fleets/bikeshare/muster.yaml', join(home.path, 'muster.yaml'))
  for (const file of files) copyFileSync(join(data, file), join(home.path, file))
  const port = await freePort()
  const where = { home: join(home.path, 'state'), port, cwd: home.path }
  const server = launch(['up'], where)
  try {
    await ready(port, server)
    const applied = await run(['apply'], where)
    expect(applied.stderr).toContain('71 models declared')
    expect(applied.code).toBe(0)

    const naive = await weekBefore(join(home.path, 'trips.parquet'))
    const root = await evidenceOf(port, 'demand')
    const leaves = await Promise.all(naive.stations.map(id => evidenceOf(port, `demand.${id}`)))
    const fleet = pooled(leaves.map(leaf => leaf.candidate))
    // Each station and hour of the span, but for the last hour: it looks into the span after.
    expect(root.candidate.rows).toBe(70 * (61 * 24 - 1))
    const of = (name: string, rmse: number) => `${name} ${rmse.toFixed(2)}`
    console.log(
      `bikeshare, RMSE of trips an hour: ${of('stations', fleet)}, ` +
        `${of('root', root.candidate.rmse)}, ${of('week before', naive.rmse)}, ` +
        `${of('mean', root.baseline.metrics.rmse)}`,
    )
    expect(root.candidate.rmse).toBeLessThan(0.8 * root.baseline.metrics.rmse)
    expect(fleet).toBeLessThan(0.9 * root.candidate.rmse)
    expect(fleet).toBeLessThan(0.9 * naive.rmse)

    const morning = await predict(port, { 'week-before.start_terminal_count_1h': 20, weekhour: 56 })
    const night = await predict(port, { 'week-before.start_terminal_count_1h': 0, weekhour: 51 })
    expect(morning).toBeGreaterThan(night + 3)
  } finally {
    await interrupt(server)
  }
})

interface Metrics {
  readonly rows: number
  readonly rmse: number
}

interface Evidence {
  readonly candidate: Metrics
  readonly baseline: { readonly metrics: Metrics }
}

function pooled(metrics: readonly Metrics[]): number {
  const squares = metrics.reduce((sum, { rows, rmse }) => sum + rows * rmse ** 2, 0)
  return Math.sqrt(squares / metrics.reduce((sum, { rows }) => sum + rows, 0))
}

async function evidenceOf(port: number, name: string): Promise<Evidence> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/models/${name}`)
  const { state, versions } = (await answer.json()) as {
    state: string
    versions: readonly { evidence: Evidence }[]
  }
  expect(state).toBe('serving')
  return versions[0]!.evidence
}

/** Error of the same hour a week before, over all stations and hours of the judging span. */
async function weekBefore(trips: string): Promise<{ rmse: number; stations: readonly string[] }> {
  await using engine = await openEngine({ allowedPaths: [trips] })
  const stations = await engine.rows<{ id: string }>(
    `select distinct start_terminal::varchar as id from read_parquet(['${trips}'])`,
  )
  const [found] = await engine.rows<{ rmse: number }>(
    `with counts as (
       select start_terminal, count(*) as trips,
         date_trunc('hour', start_local - interval 1 microsecond) as hour
       from read_parquet(['${trips}']) group by all
     ), grid as (
       select start_terminal, unnest(range(
         timestamp '2014-09-01', timestamp '2014-10-31 23:00', interval 1 hour)) as hour
       from (select distinct start_terminal from counts)
     )
     select sqrt(avg((coalesce(now.trips, 0) - coalesce(week.trips, 0)) ** 2)) as rmse
     from grid left join counts as now using (start_terminal, hour)
     left join counts as week
       on grid.start_terminal = week.start_terminal and grid.hour = week.hour + interval 7 day`,
  )
  return { rmse: found!.rmse, stations: stations.map(({ id }) => id) }
}

/** What the busiest station's model says of an hour; the other inputs are those of a usual day. */
async function predict(port: number, hour: Readonly<Record<string, number>>): Promise<number> {
  const values: Readonly<Record<string, number | string>> = {
    'departures.start_terminal_count_1h': 3,
    'departures.start_terminal_count_3h': 8,
    'departures.start_terminal_count_24h': 90,
    'departures.start_terminal_count_7d': 500,
    'day-before.start_terminal_count_1h': hour['week-before.start_terminal_count_1h']!,
    'docks.docks': 19,
    'docks.latitude': 37.7766,
    'docks.longitude': -122.3953,
    'sky.warmest': 68,
    'sky.rain': 0,
    'sky.events': 'None',
    ...hour,
  }
  const inputs = Object.entries(values).map(([name, value]) => ({
    name,
    shape: [1, 1],
    datatype: typeof value === 'string' ? 'BYTES' : 'FP32',
    data: [value],
  }))
  const answer = await fetch(`http://127.0.0.1:${port}/v2/models/demand.70/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ inputs }),
  })
  expect(answer.status).toBe(200)
  const said = (await answer.json()) as {
    parameters: { answered_by: string }
    outputs: readonly { data: readonly number[] }[]
  }
  expect(said.parameters.answered_by).toBe('demand.70')
  return said.outputs[0]!.data[0]!
}
