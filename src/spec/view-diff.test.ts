import { expect, test } from 'vitest'
import { readFleet } from './read-fleet.ts'
import { differenceText, viewDifferences } from './view-diff.ts'
import { meaningOfView, type ViewMeaning } from './view-meaning.ts'

const fleet = `apiVersion: muster/v1
fleet: shops
defaults: { owner: me, riskClass: low }
---
kind: Source
name: sales
files: sales.csv
eventTime: day
---
kind: Source
name: weather
push: {}
eventTime: at
key: [city]
columns:
  { city: VARCHAR, sensor: VARCHAR, at: TIMESTAMP, rain_mm: DOUBLE, wind_ms: DOUBLE,
    gust_ms: DOUBLE }
---
kind: FeatureGroup
name: recent
source: sales
knownAt: day + interval 1 day
windows:
  - { by: [shop], of: units, stats: [mean, count], over: [7d] }
---
kind: FeatureGroup
name: sky
source: weather
latest:
  - { by: [city], values: { rain: rain_mm, wind: wind_ms }, ttl: 6h }
---
kind: FeatureView
name: day
version: 1
rows: sales
asOf: day
features:
  hour: { sql: hour(day), transform: cyclic(24) }
  promotion: {}
  recent.*: { transform: [impute(mean), standard] }
  rain: { from: sky.rain, on: { city: town } }
labels:
  sold: { by: [shop], of: units, stat: sum, horizon: 1d }
`

function meaning(changes: Readonly<Record<string, string>> = {}): ViewMeaning {
  let text = fleet
  for (const [from, to] of Object.entries(changes)) {
    expect(text).toContain(from)
    text = text.replace(from, to)
  }
  const { spec, problems } = readFleet([{ path: 'muster.yaml', text }])
  expect(problems).toEqual([])
  // As it comes back from where it was kept.
  return JSON.parse(JSON.stringify(meaningOfView(spec!.views.get('day@1')!, spec!)))
}

function told(changes: Readonly<Record<string, string>>): string[] {
  return viewDifferences(meaning(), meaning(changes)).map(
    d => `${d.at.kind} ${d.at.name ?? ''} ${d.at.path.join('.')}: ${differenceText(d)}`,
  )
}

test('nothing differs from itself, nor by owners, descriptions and comments', () => {
  expect(told({})).toEqual([])
  expect(told({ 'name: day\n': 'name: day\nowner: you # now\ndescription: of a day\n' })).toEqual(
    [],
  )
  // What nobody reads: another value of a group, another window.
  expect(told({ ', wind: wind_ms': ', gust: gust_ms' })).toEqual([])
})

test.each([
  [{ 'hour(day)': 'hour(day) + 1' }],
  [{ 'transform: cyclic(24)': 'transform: ["clip(0, 23)", cyclic(24)]' }],
  [{ '  promotion: {}\n': '' }],
  [{ '  promotion: {}\n': '  promotion: {}\n  month: { sql: month(day) }\n' }],
  [{ '  promotion: {}\n': '', '  rain: {': '  promotion: {}\n  rain: {' }],
  [{ 'over: [7d]': 'over: [7d, 28d]' }],
  [{ 'of: units, stats': 'of: ln(units), stats' }],
  [{ 'ttl: 6h': 'ttl: 12h' }],
  [{ 'knownAt: day + interval 1 day': 'knownAt: day + interval 2 days' }],
  [{ 'key: [city]': 'key: [city, sensor]' }],
  [{ 'asOf: day\n': 'asOf: day - interval 1 day\nwhere: units > 0\n' }],
  [{ 'on: { city: town }': 'on: { city: upper(town) }' }],
  [{ 'horizon: 1d': 'horizon: 2d' }],
  [
    {
      'labels:':
        'crosses: [[hour, promotion]]\nfitPer: member\nrequest: { day: TIMESTAMP }\nlabels:',
    },
  ],
  [{ 'asOf: day\n': 'asOf: at\ngrid: { by: [shop], every: 1h }\n' }],
])('%j is told', changes => {
  expect(told(changes)).toMatchSnapshot()
})
