import { expect, test } from 'vitest'
import { must } from '../base/assert.ts'
import { type DeclaredAt, readFleet } from './index.ts'
import { sampleFleet } from './sample-fleet.ts'

const read = readFleet([{ path: 'muster.yaml', text: sampleFleet }])
const locate = must(read.locate, 'the sample is valid')

/** The text that is pointed at, and what messages call it. */
function shown(kind: DeclaredAt['kind'], name: string, path: DeclaredAt['path']): string {
  const { file, line, column, length, subject } = must(locate({ kind, name, path }), 'it is there')
  const text = sampleFleet.split('\n')[line - 1]?.slice(column - 1, column - 1 + length)
  return `${file}:${line}:${column} ${text} | ${subject}`
}

test('the value itself, wherever it stands', () => {
  expect([
    shown('FeatureView', 'two-hours-before@1', ['features', 'hour', 'sql']),
    shown('FeatureView', 'two-hours-before@1', ['asOf']),
    shown('FeatureGroup', 'departures', ['knownAt']),
    shown('Blueprint', 'route-late', ['label']),
    shown('Blueprint', 'route-late', ['key', 1]),
    shown('Policy', 'low@1', ['gates', 'calibrated']),
    shown('Source', 'flights', ['npm']),
    shown('Blueprint', 'route-late', ['overrides', '*.HNL', 'match']),
  ]).toMatchInlineSnapshot(`
    [
      "muster.yaml:27:20 hour(date) | \`sql\` in feature \`hour\`",
      "muster.yaml:25:7 date - interval 2 hours | \`asOf\` of view \`two-hours-before@1\`",
      "muster.yaml:15:10 date + to_minutes(delay) | \`knownAt\` of group \`departures\`",
      "muster.yaml:38:8 delay > 15 | \`label\` of blueprint \`route-late\`",
      "muster.yaml:35:15 destination | item 2 of \`key\` of blueprint \`route-late\`",
      "muster.yaml:52:25 "evidence.calibrationError < 0.05" | gate \`calibrated\` of policy \`low@1\`",
      "muster.yaml:9:6 vega-datasets/data/flights-3m.parquet | \`npm\` of source \`flights\`",
      "muster.yaml:43:14 "*.HNL" | \`match\` in override \`*.HNL\`",
    ]
  `)
})

test('a feature of a group leads to its window', () => {
  expect([
    shown('FeatureGroup', 'departures', ['features', 'destination_mean_24h', 'of']),
    shown('FeatureGroup', 'departures', ['features', 'origin_destination_mean_5rows', 'by', 1]),
    shown('FeatureView', 'two-hours-before@1', ['features', 'departures.origin_mean_1h']),
  ]).toMatchInlineSnapshot(`
    [
      "muster.yaml:18:38 "least(delay, 240)" | \`of\` in window 2 of group \`departures\`",
      "muster.yaml:19:20 destination | item 2 of \`by\` in window 3 of group \`departures\`",
      "muster.yaml:30:3 departures.* | feature \`departures.*\`",
    ]
  `)
})

test('what was not written: the nearest thing above it that was', () => {
  expect([
    shown('FeatureView', 'two-hours-before@1', ['where']),
    shown('Blueprint', 'route-late', ['members', 'where']),
    shown('Blueprint', 'route-late', ['key', 7]),
    shown('Blueprint', 'route-late', ['objectives', 'quality']),
  ]).toMatchInlineSnapshot(`
    [
      "muster.yaml:22:7 two-hours-before | view \`two-hours-before@1\`",
      "muster.yaml:36:1 members | \`members\` of blueprint \`route-late\`",
      "muster.yaml:35:6 [origin, destination] | \`key\` of blueprint \`route-late\`",
      "muster.yaml:41:1 objectives | \`objectives\` of blueprint \`route-late\`",
    ]
  `)
  expect(locate({ kind: 'Policy', name: 'medium@1', path: ['gates', 'calibrated'] })).toBe(
    undefined,
  )
})
