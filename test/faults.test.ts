import { expect, test } from 'vitest'
import { everyGrade, nearHeapLimit, noDescriptorsLeft, slowSenders } from './faults.ts'

/* Each throws what is not as it has to be; `npm run sim:faults` does the same for longer. */

test('F8: near the limit of its heap a server sheds, and lives', async () => {
  expect(await nearHeapLimit(2)).toContain('answers after')
}, 60_000)

test('F8: every grade of strain is reached, said, and left again', async () => {
  expect(await everyGrade()).toContain('then well')
})

test('F16: out of descriptors it sheds new sockets, and keeps health and metrics', async () => {
  expect(await noDescriptorsLeft()).toContain('200')
})

test('F27: whoever says nothing, or says it slowly, is cut off', async () => {
  expect(await slowSenders(1_000)).toContain('others answered')
})
