import { expect, test } from 'vitest'
import { must } from '../base/assert.ts'
import { graphFleet } from '../spec/graph-fleet.ts'
import { readFleet } from '../spec/index.ts'
import { mermaidOf, treeLinesMax, treeOf } from './picture.ts'
import { planOf } from './world.fixture.ts'

const { spec } = readFleet([{ path: 'muster.yaml', text: graphFleet }])
const graph = must(spec?.graphs.get('wafer-health'), 'the graph')

test('as a tree', () => {
  expect(treeOf(graph)).toMatchInlineSnapshot(`
    "wafer-health
      from amqp: plant
      from nats: stream
      from kafka: log
      from mqtt: sensors
      from http: web
      prepare celsius, warm
      root: Sequence
      ├─ sensors: all-sensors [Ensemble, merge by CEL, require 30, 200 ms]
      │  ├─ each: wafer-cd.{tool}.* (at most 40, by rule)
      │  └─ whole: wafer-cd 50 ms
      └─ second: second-look [Switch] if response.worst > 0.5 of $response
         ├─ trial [Splitter] if prepared.warm
         │  ├─ old: wafer-cd.t1 weight 90
         │  └─ new: weighed [Ensemble, merge weighted, require all] weight 10
         │     ├─ a: wafer-cd.t1 weight 2
         │     └─ b: wafer-cd.t1.s1 weight 1
         └─ wafer-cnn: wafer-cnn (imported)
      to postgres: table
      to parquet: lake
      to amqp: queue
      to nats: subject
      to kafka: topic
      to mqtt: light
      to webhook: hook"
  `)
})

test('as a flowchart', () => {
  expect(mermaidOf(graph)).toMatchInlineSnapshot(`
    "flowchart TD
      t0(["amqp: plant"]) --> n0
      t1(["nats: stream"]) --> n0
      t2(["kafka: log"]) --> n0
      t3(["mqtt: sensors"]) --> n0
      t4(["http: web"]) --> n0
      n0{{"root: Sequence"}}
      n0 --> n1
      n0 -->|"response.worst #62; 0.5"| n2
      n1{{"all-sensors: Ensemble, merge by CEL, require 30, 200 ms"}}
      n1 --> n1s0["wafer-cd.{tool}.* (at most 40, by rule)"]
      n1 --> n1s1["wafer-cd"]
      n2{{"second-look: Switch"}}
      n2 -->|"prepared.warm"| n3
      n2 --> n2s1["wafer-cnn (imported)"]
      n3{{"trial: Splitter"}}
      n3 -->|"weight 90"| n3s0["wafer-cd.t1"]
      n3 -->|"weight 10"| n4
      n4{{"weighed: Ensemble, merge weighted, require all"}}
      n4 -->|"weight 2"| n4s0["wafer-cd.t1"]
      n4 -->|"weight 1"| n4s1["wafer-cd.t1.s1"]
      n0 -.-> k0[("postgres: table")]
      n0 -.-> k1[("parquet: lake")]
      n0 -.-> k2[("amqp: queue")]
      n0 -.-> k3[("nats: subject")]
      n0 -.-> k4[("kafka: topic")]
      n0 -.-> k5[("mqtt: light")]
      n0 -.-> k6[("webhook: hook")]"
  `)
})

test('diamonds are not drawn without end', () => {
  const steps = (i: number) => [
    { name: 'a', node: `n${i}` },
    { name: 'b', node: `n${i}` },
  ]
  const nodes = Object.fromEntries(
    Array.from({ length: 9 }, (_, i) => [
      i === 0 ? 'root' : `n${i}`,
      { routerType: 'Ensemble', steps: steps(i + 1) },
    ]),
  )
  const last = { routerType: 'Sequence', steps: [{ model: 'cd' }] }
  const lines = treeOf(planOf({ nodes: { ...nodes, n9: last } }).spec).split('\n')
  expect(lines.length).toBeLessThanOrEqual(treeLinesMax + 1)
})
