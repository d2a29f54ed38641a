import { expect, test } from 'vitest'
import type { VectorStatus } from '../features/index.ts'
import { feastAnswer } from './feast-answer.ts'

const nan = Number.NaN
const at = Date.parse('2026-11-21T12:03:41.250Z')
const present: VectorStatus[] = ['PRESENT', 'PRESENT', 'NOT_FOUND']
const times = [at, at, nan]

test('it is the JSON of its parts, whatever the features share', () => {
  const entities = { 'sta"tion': ['ä', 7, null], on: [true, false, true] }
  const features = [
    { values: [1, -0, null], statuses: present, eventMs: times },
    { values: [0.1, 1e300, nan], statuses: present, eventMs: times },
    { values: ['"\\', '\u2028ü', null], statuses: [...present], eventMs: [...times] },
    {
      values: [2, null, 3],
      statuses: ['PRESENT', 'NULL_VALUE', 'PRESENT'] as const,
      eventMs: times,
    },
    { values: [4, 5, 6], statuses: present, eventMs: [at, at + 1, nan] },
  ]
  const parsed: unknown = JSON.parse(feastAnswer('{"a":"é"}', 3, entities, features).toString())
  const none = '1970-01-01T00:00:00Z'
  const known = { statuses: Array(3).fill('PRESENT'), event_timestamps: Array(3).fill(none) }
  const told = ['2026-11-21T12:03:41.250Z', '2026-11-21T12:03:41.250Z', none]
  expect(parsed).toEqual({
    metadata: { a: 'é' },
    results: [
      ...Object.values(entities).map(values => ({ values, ...known })),
      ...features.map(({ values, statuses, eventMs }) => ({
        values: JSON.parse(JSON.stringify(values)),
        statuses,
        event_timestamps: eventMs === times ? told : expect.any(Array),
      })),
    ],
    status: true,
  })
  expect(parsed).toMatchObject({
    results: { 2: { event_timestamps: told }, 4: { event_timestamps: told } },
  })
  expect(parsed).toMatchObject({
    results: { 6: { event_timestamps: [told[0], '2026-11-21T12:03:41.251Z', none] } },
  })
})
