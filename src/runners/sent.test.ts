import { expect, test } from 'vitest'
import { digestOf } from '../base/digest.ts'
import { runnerLimits } from './model.ts'
import { heldOf, SentFrames } from './sent.ts'

const model = {
  digest: digestOf(Buffer.from('m')),
  label: 'm',
  sizeBytes: 1,
  outputs: [],
  tier: 'on-demand',
} as const

test('the first that takes long gives way until it is over, and the next begins anew', async () => {
  const said: boolean[] = []
  let heard = () => {}
  const sent = new SentFrames(runnerLimits, {
    stuck: () => {},
    cpuMs: () => 0,
    long: isLong => {
      said.push(isLong)
      heard()
    },
  })
  const told = () => new Promise<void>(resolve => (heard = resolve))
  for (const id of [1, 2]) sent.add(id, { held: heldOf(model, 1, 0), call: undefined })
  await told()
  expect(said).toEqual([true])
  sent.delete(1)
  expect(said).toEqual([true, false])
  await told()
  expect(said).toEqual([true, false, true])
  sent.clear()
  sent.add(3, { held: heldOf(model, 1, 0), call: undefined })
  sent.delete(3)
  expect(said, 'the runner of before is gone').toEqual([true, false, true])
})
