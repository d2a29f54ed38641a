/** A fleet with every field of sources, groups and views that the sample of the design has not. */
export const planeFleet = `apiVersion: muster/v1
fleet: bikes
defaults: { owner: mobility, riskClass: low }
---
kind: Source
name: trips
description: Every hire that ended
push: { partition: day }
columns: { bike: VARCHAR, station: VARCHAR, at: TIMESTAMP, minutes: DOUBLE }
eventTime: at
key: [bike]
expect:
  - { column: station, required: true }
  - { column: minutes, min: 0, max: 1440, onFail: quarantine }
  - { column: minutes, nullsAtMost: 0.1, onFail: warn }
  - { column: station, oneOf: [a, b, c] }
  - { unique: [bike, at] }
  - { holds: "minutes < 600 or station = 'a'", onFail: quarantine }
  - { rows: { min: 1, max: 1000000 } }
  - { freshWithin: 7d, onFail: warn }
  - { column: minutes, driftAtMost: 0.2, onFail: warn }
---
kind: Source
name: docks
postgres: { connection: city, table: public.docks, cursor: seen }
eventTime: seen
key: [station]
---
kind: Source
name: weather
s3: { connection: lake, files: [weather/*.parquet] }
format: parquet
eventTime: hour
---
kind: FeatureGroup
name: hires
source: trips
description: What leaves a station
windows:
  - { by: [station], stats: [count], over: [1h, 24h] }
online: false
---
kind: FeatureGroup
name: sky
source: weather
latest:
  - { by: [city], values: { rain: rain_mm, wind: wind_ms }, ttl: 6h }
  - { by: [city, district], values: { gust: gust_ms } }
---
kind: FeatureGroup
name: free
source: docks
latest:
  - { by: [station], values: { bikes: bikes_free } }
---
kind: FeatureView
name: station-hour
version: 1
description: Each station at each hour
rows: trips
grid: { by: [station], every: 1h }
features:
  hour: { sql: hour("at"), transform: cyclic(24) }
  station: { type: category, transform: onehot(20) }
  rain: { from: sky.rain, on: { city: "'bay'" }, transform: impute(0) }
  free.*: { transform: impute(mean) }
  hires.*: {}
request: { hour: TIMESTAMP }
labels:
  hired: { by: [station], stat: count, horizon: 1h }
  wet: { source: weather, by: [city], on: { city: "'bay'" }, of: rain_mm, stat: max, horizon: 24h }
crosses: [[hour, station]]
fitPer: member
---
kind: Blueprint
name: demand
purpose: Hires an hour ahead
key: [station]
view: station-hour@1
label: hired
pipeline: ridge@1
spans: { train: 2024-01..2024-02, judge: 2024-03 }
`
