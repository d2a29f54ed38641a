/** The fleet of the design, for tests: everything that can be declared, in one file. */
export const sampleFleet = `# muster.yaml: the root of a fleet
apiVersion: muster/v1
fleet: flights
defaults: { owner: network-ops, riskClass: low }       # any document may say otherwise
environments: [prod]
---
kind: Source
name: flights
npm: vega-datasets/data/flights-3m.parquet              # or files:
---
kind: FeatureGroup
name: departures
source: flights
eventTime: date
knownAt: date + to_minutes(delay)                       # known once the flight has left
windows:                                                # declared, so that leaks can be found
  - { by: [origin],              of: "least(delay, 240)", stats: [mean, count], over: [1h, 24h] }
  - { by: [destination],         of: "least(delay, 240)", stats: [mean],        over: [3h, 24h] }
  - { by: [origin, destination], of: "least(delay, 240)", stats: [mean],        over: [5 rows] }
---
kind: FeatureView
name: two-hours-before
version: 1
rows: flights                                           # one row per flight
asOf: date - interval 2 hours                           # what was known then, and nothing later
features:
  hour:     { sql: hour(date),     transform: cyclic(24) }
  weekday:  { sql: isodow(date),   transform: cyclic(7) }
  distance: { sql: distance,       transform: standard }
  departures.*: { transform: [impute(mean), standard] }
---
kind: Blueprint
name: route-late
purpose: Chance that a flight leaves more than 15 minutes late, for stand-by crews
key: [origin, destination]                              # route-late, route-late.ATL.LGA
members: { atLeast: 100 }
view: two-hours-before@1
label: delay > 15
pipeline: logistic@1
spans: { train: 2001-01..2001-04, judge: 2001-05, report: 2001-06 }
objectives: { latencyP99Ms: 10 }
overrides:
  - { match: "*.HNL", pipeline: { name: logistic@1, penalty: 10 } }
---
kind: Policy
name: low
version: 1
appliesTo: { riskClass: low }
gates:
  better-than-baseline: "evidence.vs.baseline.logLoss.upper < 0"
  worth-keeping:        "level == 'root' || evidence.vs.parent.logLoss.expected < 0"
  calibrated:           "evidence.calibrationError < 0.05"
approval: none
`
