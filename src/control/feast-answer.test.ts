import { expect, test } from 'vitest'
import type { VectorStatus } from '../features/index.ts'
import { feastAnswer } from './feast-answer.ts'

const nan = Number.NaN
const at = Date.parse('2026-11-21T12:03:41.250Z')
const [now, later, none] = [
  '2026-11-21T12:03:41.250Z',
  '2026-11-21T12:03:41.251Z',
  '1970-01-01T00:00:00Z',
]

/** Few rows are a text, many are bytes. */
test.each([1, 7])('it is the JSON of its parts, whatever features share (%i x 3 rows)', times => {
  const repeated = <T>(list: readonly T[]): T[] => Array.from({ length: times }, () => list).flat()
  const statuses = repeated<VectorStatus>(['PRESENT', 'PRESENT', 'NOT_FOUND'])
  const eventMs = repeated([at, at, nan])
  const told = repeated([now, now, none])
  const entities = {
    'sta"tion': repeated(['ä', 7, null]),
    on: repeated([true, false, true]),
  }
  const nulls = repeated<VectorStatus>(['PRESENT', 'NULL_VALUE', 'PRESENT'])
  const features = [
    { values: repeated([1, -0, null]), statuses, eventMs, told },
    { values: repeated([0.1, 1e300, nan]), statuses, eventMs, told },
    { values: repeated(['"\\', '\u2028ü', null]), statuses: [...statuses], eventMs, told },
    { values: repeated([2, null, 3]), statuses: nulls, eventMs, told },
    {
      values: repeated([4, 5, 6]),
      statuses,
      eventMs: repeated([at, at + 1, nan]),
      told: repeated([now, later, none]),
    },
    { values: repeated([7, 8, 9]), statuses, eventMs, told },
  ]
  const rows = 3 * times
  const known = { statuses: Array(rows).fill('PRESENT'), event_timestamps: Array(rows).fill(none) }
  const answer = feastAnswer('{"a":"é"}', rows, entities, features)
  expect(typeof answer).toBe(times === 1 ? 'string' : 'object')
  expect(JSON.parse(answer.toString())).toEqual({
    metadata: { a: 'é' },
    results: [
      ...Object.values(entities).map(values => ({ values, ...known })),
      ...features.map(one => ({
        values: JSON.parse(JSON.stringify(one.values)),
        statuses: one.statuses,
        event_timestamps: one.told,
      })),
    ],
    status: true,
  })
})
