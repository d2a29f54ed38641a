import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SeededRandom } from '../../../src/base/random.ts'
import { writeParquet } from '../../../src/engine/small-data.fixture.ts'

/*
 * A fab in small: tools, each with sensors, and for each sensor of each tool a model of the
 * critical dimension of a wafer. A message is one wafer on one tool, with what all its sensors
 * read; it goes to all models of the tool, and one result comes of it. Made from a seed, of any
 * size: forty tools of forty sensors are the 1,600 models of a line, 175 the 7,000 of a site.
 */

export interface ToolsSize {
  readonly tools: number
  readonly sensors: number
  /** Of history, four wafers a tool and day; the last fifth is judged on. */
  readonly days: number
  readonly seed?: number
  /** A sink of its results in Muster's own database. Default: the table `wafer_health`. */
  readonly table?: string | undefined
  /** Lines of YAML that follow the graph: triggers. */
  readonly triggers?: string
}

export const toolName = (tool: number) => `T${String(tool).padStart(3, '0')}`
export const sensorName = (sensor: number) => `s${String(sensor).padStart(3, '0')}`

const firstDay = Date.UTC(2026, 0, 1)
const dayMs = 86_400_000
const wafersADay = 4

const day = (index: number) => new Date(firstDay + index * dayMs).toISOString().slice(0, 10)

export function declarationOf(size: ToolsSize): string {
  const judged = Math.max(1, Math.floor(size.days / 5))
  const last = size.days - 1
  return `apiVersion: muster/v1
fleet: fab
defaults: { owner: metrology, riskClass: low }
---
kind: Source
name: wafers
files: wafers.parquet
eventTime: made
---
# How a tool stands: pushed when it changes, looked up for each wafer.
kind: Source
name: conditions
push: { partition: month }
eventTime: seen
key: [tool]
columns: { tool: VARCHAR, seen: TIMESTAMP, humidity: DOUBLE }
---
kind: FeatureGroup
name: room
source: conditions
latest:
  - { by: [tool], values: { humidity: humidity } }
---
kind: FeatureView
name: sensor
version: 1
rows: wafers
features:
  reading: { transform: standard }
  kelvin: { sql: celsius + 273.15, transform: standard }
  room.humidity: { transform: [impute(mean), standard] }
---
kind: Blueprint
name: wafer-cd
purpose: Critical dimension as one sensor sees it
key: [tool, sensor]
members: { atLeast: 20 }
view: sensor@1
label: cd
labelUnit: nm
pipeline: ridge@1
spans: { train: ${day(0)}..${day(last - judged)}, judge: ${day(last - judged + 1)}..${day(last)} }
${graphOf(size)}`
}

function graphOf({ sensors, triggers = '', table = 'wafer_health' }: ToolsSize): string {
  return `---
kind: Graph
name: wafer-health
description: All sensors of a tool see one wafer
deadline: 2s
messageId: message.wafer
prepare:
  kelvin: message.celsius + 273.15
nodes:
  root:
    routerType: Ensemble
    deadline: 1s
    require: ${Math.max(1, Math.floor(sensors * 0.75))}
    merge:
      cel: >-
        {'mean': mean(values), 'worst': highest.model, 'highest': highest.value,
        'drifting': vote(values.map(v, v > 60.0 ? 1.0 : 0.0)), 'answered': size(values)}
    steps:
      - name: each
        models: { blueprint: wafer-cd, key: { tool: message.tool }, atMost: 256 }
        inputs:
          reading: message.readings[key.sensor]
${triggers}sinks:
  - { name: table, postgres: { table: ${table} } }
`
}

/**
 * Writes declaration and history into a folder. Each model has a slope and an offset of its own, so
 * that none can stand in for another unnoticed.
 */
export async function writeTools(folder: string, size: ToolsSize): Promise<void> {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'muster.yaml'), declarationOf(size))
  const seed = size.seed ?? 1
  // Chance as a number in [0, 1) that follows from the row and the seed.
  const chance = (of: string) => `((hash(${of}, ${seed}) % 1000003) / 1000003.0)`
  await writeParquet(
    join(folder, 'wafers.parquet'),
    `with rows as (
       select t as tool_number, s as sensor_number, w,
         timestamp '2026-01-01' + to_minutes(w * ${(24 * 60) / wafersADay}) as made
       from range(${size.tools}) a(t), range(${size.sensors}) b(s),
         range(${size.days * wafersADay}) c(w)
     ), drawn as (
       select *, 10 + 20 * ${chance('t_key')} as reading, 18 + 6 * ${chance('w_key')} as celsius,
         1 + 3 * ${chance('m_key')} as slope, 20 * ${chance('o_key')} as level,
         ${chance('n_key')} - 0.5 as noise
       from (select *, tool_number * 7919 + sensor_number * 104729 + w * 15485863 as t_key,
               tool_number * 31 + w * 17 as w_key, tool_number * 1009 + sensor_number * 13 as m_key,
               tool_number * 2003 + sensor_number * 29 + 5 as o_key,
               tool_number * 7907 + sensor_number * 104723 + w * 15485857 + 3 as n_key
             from rows)
     )
     select printf('T%03d', tool_number) as tool, printf('s%03d', sensor_number) as sensor, made,
       reading, celsius, slope * reading + level + 0.5 * (celsius - 20) + 0.4 * noise as cd
     from drawn order by made, tool, sensor`,
  )
}

/** What tools report of their room, of every day: lines of JSON for `POST .../rows`. */
export function conditionLines(size: ToolsSize): string {
  const random = new SeededRandom((size.seed ?? 1) + 11)
  const lines: string[] = []
  for (let i = 0; i < size.days; i++) {
    for (let tool = 0; tool < size.tools; tool++) {
      const seen = new Date(firstDay + i * dayMs).toISOString()
      const humidity = Math.round(3_000 + 2_000 * random.unit()) / 100
      lines.push(JSON.stringify({ tool: toolName(tool), seen, humidity }))
    }
  }
  return `${lines.join('\n')}\n`
}

export interface WaferMessage {
  readonly wafer: string
  readonly tool: string
  readonly celsius: number
  readonly readings: Readonly<Record<string, number>>
}

/** As many wafers as asked for, tool after tool: each sets off one call a sensor. */
export function wafers(size: ToolsSize, count: number): readonly WaferMessage[] {
  const random = new SeededRandom((size.seed ?? 1) + 23)
  return Array.from({ length: count }, (_, i) => ({
    wafer: `w${String(i).padStart(6, '0')}`,
    tool: toolName(i % size.tools),
    celsius: Math.round(180 + 60 * random.unit()) / 10,
    readings: Object.fromEntries(
      Array.from({ length: size.sensors }, (_, s) => [
        sensorName(s),
        Math.round(1_000 + 2_000 * random.unit()) / 100,
      ]),
    ),
  }))
}
