import { expect, test } from 'vitest'
import { readLabelManifest, readManifest } from '../features/index.ts'
import { labelledSpan } from './labelled-span.ts'
import { days, putFrame, someBlobs } from './small-family.fixture.ts'
import { scoreSpan } from './span-rows.ts'
import { readTraining } from './training.ts'

const dayMs = 86_400_000

test('rows whose label looks past the end of their span are in no span', async () => {
  await using blobs = await someBlobs()
  // The label is the day. A label of two days at day 8 looks into day 10, where judging begins.
  const rows = [0, 7, 7.999, 8, 9.5, 10, 12, 18, 19].map(day => ({ day, x: [0], y: day }))
  const { frame, labels } = await putFrame([{ key: ['a'], rows }], { features: ['p'] }, blobs)
  const manifest = await readManifest(frame, blobs)
  const ahead = { ...(await readLabelManifest(labels, blobs)), horizonMs: 2 * dayMs }
  const about = { manifest, blobs, progress: () => {} }
  const training = await readTraining({
    ...about,
    labels: ahead,
    span: days(0, 10),
    folds: 1,
    parts: [0],
    use: [{ read: true, mayBeMissing: false }],
    samples: [],
    samplesOfParts: [],
  })
  expect([...training.parts[0]!.y]).toEqual([0, 7, 7.999])
  const judged = await scoreSpan({ ...about, labels: ahead, span: days(10, 20), models: [] })
  expect([...judged.y]).toEqual([10, 12])
  expect(labelledSpan(days(0, 10), { ...ahead, horizonMs: 0 })).toEqual(days(0, 10))
})
