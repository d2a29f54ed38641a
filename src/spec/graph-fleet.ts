/** A fleet with every field of a graph. */
export const graphFleet = `apiVersion: muster/v1
fleet: wafers
defaults: { owner: metrology, riskClass: low }
---
kind: Source
name: wafers
push: { partition: day }
columns: { tool: VARCHAR, sensor: VARCHAR, at: TIMESTAMP, reading: DOUBLE, cd: DOUBLE }
eventTime: at
---
kind: FeatureView
name: reading
version: 1
rows: wafers
features:
  reading: {}
---
kind: Blueprint
name: wafer-cd
purpose: Critical dimension from one sensor
key: [tool, sensor]
view: reading@1
label: cd
pipeline: ridge@1
spans: { train: 2026-01, judge: 2026-02 }
---
kind: Graph
name: wafer-health
description: All sensors of a tool at once
deadline: 500ms
messageId: message.wafer
prepare:
  celsius: (message.fahrenheit - 32.0) / 1.8
  warm: prepared.celsius > 30.0
nodes:
  root:
    routerType: Sequence
    steps:
      - { name: sensors, node: all-sensors }
      - { name: second, node: second-look, data: $response, condition: response.worst > 0.5 }
  all-sensors:
    routerType: Ensemble
    deadline: 200ms
    require: 30
    merge: { cel: "{'mean': mean(values), 'worst': max(values)}" }
    steps:
      - name: each
        models:
          blueprint: wafer-cd
          key: { tool: message.tool }
          where: key.sensor in message.readings
          atMost: 40
        inputs: { reading: "message.readings[key.sensor]" }
      - { name: whole, model: wafer-cd, deadline: 50ms, dependency: Soft }
  second-look:
    routerType: Switch
    steps:
      - { node: trial, condition: prepared.warm }
      - { imported: wafer-cnn }
  trial:
    routerType: Splitter
    steps:
      - { name: old, model: wafer-cd.t1, weight: 90 }
      - { name: new, node: weighed, weight: 10 }
  weighed:
    routerType: Ensemble
    merge: weighted
    steps:
      - { name: a, model: wafer-cd.t1, weight: 2 }
      - { name: b, model: wafer-cd.t1.s1, weight: 1 }
triggers:
  - name: plant
    amqp: { connection: plant, queue: wafers }
    format: cloudevents
    fields: { tool: text, wafer: text, at: time }
    messageId: { field: wafer }
    eventTime: at
    prefetch: 64
    attemptsMax: 5
    deadline: 2s
    replyTo: ["answers.*"]
  - { name: stream, nats: { connection: line, stream: WAFERS, durable: health } }
  - { name: log, kafka: { connection: log, topic: wafers, group: health } }
  - { name: sensors, mqtt: { connection: floor, topic: tools/+/wafers, group: health } }
  - { name: web, http: { path: wafers }, messageId: { header: x-wafer } }
sinks:
  - { name: table, postgres: { table: wafer_health } }
  - { name: lake, parquet: { source: wafers } }
  - { name: queue, amqp: { connection: plant, routingKey: done } }
  - { name: subject, nats: { connection: line, subject: wafers.done } }
  - { name: topic, kafka: { connection: log, topic: done } }
  - { name: light, mqtt: { connection: floor, topic: tools/done } }
  - { name: hook, webhook: { connection: hook } }
`
