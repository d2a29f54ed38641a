import { expect, test } from 'vitest'
import { systemClock } from '../base/clock.ts'
import { SeededRandom } from '../base/random.ts'
import { BrokerInput, type OpenSession } from './broker-input.ts'
import { keptOutput } from './kept-output.ts'
import type { StreamMessage } from './message.ts'

const parts = { clock: systemClock, chance: new SeededRandom(1), log: () => {} }
const message: StreamMessage = {
  id: 'm-1',
  key: undefined,
  headers: {},
  body: Buffer.from('{}'),
  sizeBytes: 2,
  redelivered: false,
  replyTo: undefined,
}

/** A loss that never comes, and how many wait for it. */
function watchedLoss() {
  const lost = new Promise<Error>(() => {})
  const heard = { count: 0, lost }
  Object.defineProperty(lost, 'then', {
    value: (...args: Parameters<Promise<Error>['then']>) => {
      heard.count++
      return Promise.prototype.then.apply(lost, args)
    },
  })
  return heard
}

test('what was given back is acknowledged as what the session delivered', async () => {
  const acked: (readonly StreamMessage[])[] = []
  const { promise: lost, resolve: lose } = Promise.withResolvers<Error>()
  const open: OpenSession = async ({ take }) => {
    take(message)
    return {
      ack: messages => void acked.push(messages),
      lost,
      close: async () => lose(new Error('closed')),
    }
  }
  await using input = new BrokerInput(open, 10, parts)
  const { signal } = new AbortController()
  const first = await input.next(5_000, signal)
  await input.reject(first)
  const second = await input.next(5_000, signal)
  await input.ack(second)
  expect(second).toHaveLength(1)
  // A session finds its packet, or its place in the log, by the message itself.
  expect(acked[0]![0]).toBe(message)
  await input.ack(second)
  expect(acked).toHaveLength(1)
})

test('nothing is left behind at a connection by each group that is acknowledged', async () => {
  const loss = watchedLoss()
  let deliver: (message: StreamMessage) => void = () => {}
  const open: OpenSession = async ({ take }) => {
    deliver = take
    take(message)
    return { ack: async () => {}, lost: loss.lost, close: async () => {} }
  }
  // Not disposed of: it would wait for the loss.
  const input = new BrokerInput(open, 10, parts)
  const { signal } = new AbortController()
  await input.ack(await input.next(5_000, signal))
  const before = loss.count
  for (let i = 0; i < 100; i++) {
    deliver({ ...message })
    await input.ack(await input.next(5_000, signal))
  }
  expect(loss.count).toBe(before)
})

test('nor by each batch that is sent', async () => {
  const loss = watchedLoss()
  const send = async () => [undefined]
  await using output = keptOutput(async () => ({ send, lost: loss.lost, close: async () => {} }))
  await output.send([])
  const before = loss.count
  for (let i = 0; i < 100; i++) await output.send([])
  expect(loss.count).toBe(before)
})
