import { expect, test } from 'vitest'
import { columnsNamed } from '../features/index.ts'
import { impactOf, readImpactOf } from '../plan/index.ts'
import { readFleet } from '../spec/index.ts'

const fleet = `apiVersion: muster/v1
fleet: flights
defaults: { owner: me, riskClass: low }
---
kind: Source
name: flights
files: flights.parquet
eventTime: date
---
kind: Source
name: weather
push: {}
eventTime: seen
key: [station]
columns: { station: VARCHAR, seen: TIMESTAMP, rain: DOUBLE, wind: DOUBLE }
---
kind: FeatureGroup
name: departures
source: flights
knownAt: date + to_minutes(delay)
windows:
  - { by: [origin], of: distance, stats: [mean], over: [1h] }
---
kind: FeatureGroup
name: arrivals
source: flights
sql: select destination as airport, date, delay as late, * from flights
eventTime: date
windows:
  - { by: [airport], of: late, stats: [mean], over: [1h] }
---
kind: FeatureGroup
name: sky
source: weather
latest:
  - by: [station]
    values: { rain: rain, gust: "list_max(list_transform([wind], wind -> wind))" }
---
kind: FeatureView
name: before
version: 1
rows: flights
asOf: date - interval 2 hours
features:
  hour: { sql: hour(flights.date) }
  departures.*: {}
---
kind: FeatureView
name: before
version: 2
rows: flights
asOf: date - interval 2 hours
where: distance > 0
features:
  hour: { sql: hour(date) }
  rain: { from: sky.rain, on: { station: origin } }
labels:
  wet:
    source: weather
    by: [station]
    on: { station: destination }
    of: rain
    stat: max
    horizon: 1d
---
kind: FeatureView
name: airport-hour
version: 1
rows: flights
grid: { by: [origin], every: 1h }
features:
  origin: { type: category, transform: onehot(20) }
---
kind: Blueprint
name: route-late
purpose: Chance
key: [origin, destination]
view: before@1
label: delay > 15
pipeline: logistic@1
spans: { train: 2001-01, judge: 2001-02 }
---
kind: Blueprint
name: wet
purpose: Chance of rain
key: [destination]
members: { where: distance < 9000 }
view: before@2
label: wet
pipeline: ridge@1
spans: { train: 2001-01, judge: 2001-02 }
`
const read = readFleet([{ path: 'muster.yaml', text: fleet }])
expect(read.problems).toEqual([])
const spec = read.spec!

async function told(of: string): Promise<string[]> {
  const { groups, views, labels, blueprints } = impactOf(
    spec,
    readImpactOf(spec, of),
    await columnsNamed(spec),
  )
  return [
    ...groups.map(g => `group ${g.name}: ${g.features.join(', ')}`),
    ...views.map(v => `view ${v.name}: ${v.by.join(', ')}`),
    ...labels.map(l => `label ${l.name}: ${l.by.join(', ')}`),
    ...blueprints.map(b => `blueprint ${b.name}: ${b.by.join(', ')}`),
  ]
}

test.each([
  'flights',
  'weather',
  'flights.delay',
  'flights.Distance',
  'flights.date',
  'flights.destination',
  'flights.origin',
  'flights.nothing',
  'weather.rain',
  'weather.wind',
  'weather.station',
  'departures',
  'departures.origin_mean_1h',
  'sky.rain',
  'sky.gust',
  'before',
  'before@2',
])('a change of %s', async of => expect(await told(of)).toMatchSnapshot())

test('what is declared nowhere is nothing', () => {
  for (const text of ['nowhere', 'nowhere.x', 'before@9', 'flights.', '', '.']) {
    expect(readImpactOf(spec, text)).toEqual([])
  }
})
