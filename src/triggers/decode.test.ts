import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ErrorCode, errorCodes, MusterError } from '../base/errors.ts'
import type { TriggerSpec } from '../spec/index.ts'
import type { StreamMessage } from '../streams/index.ts'
import { AtOnce } from './at-once.ts'
import { decode, nameOf } from './decode.ts'
import { verdictOn } from './verdict.ts'

const now = new Date('2026-11-21T12:00:00Z')
const spec: Omit<TriggerSpec, 'from'> = {
  name: 'in',
  format: 'json',
  fields: {},
  messageId: undefined,
  eventTime: undefined,
  prefetch: 10,
  attemptsMax: 3,
  deadlineMs: 1_000,
  replyTo: [],
}

function message(body: unknown, more: Partial<StreamMessage> = {}): StreamMessage {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  return {
    id: 'm-1',
    key: undefined,
    headers: {},
    body: bytes,
    sizeBytes: bytes.length,
    redelivered: false,
    replyTo: undefined,
    ...more,
  }
}

function code(of: StreamMessage, more: Partial<TriggerSpec> = {}): string {
  try {
    return decode(of, { ...spec, ...more }, now).id
  } catch (error) {
    return (error as MusterError).code
  }
}

test('a message is named by what is declared, else by its broker', () => {
  expect(code(message({}))).toBe('m-1')
  expect(code(message({ wafer: 'W7' }), { messageId: { field: 'wafer' } })).toBe('W7')
  expect(code(message({ wafer: 7 }), { messageId: { field: 'wafer' } })).toBe('7')
  expect(code(message({}), { messageId: { field: 'wafer' } })).toBe('E_MESSAGE')
  const headed = message({}, { headers: { 'x-wafer': 'W8' } })
  expect(code(headed, { messageId: { header: 'X-Wafer' } })).toBe('W8')
  expect(code(message({}), { messageId: { header: 'X-Wafer' } })).toBe('E_MESSAGE')
  expect(nameOf('a\u0000b')).toMatch(/^sha256:/)
  expect(nameOf('x'.repeat(301))).toMatch(/^sha256:/)
})

test('fields and times are as declared', () => {
  const fields = { n: 'number', s: 'text', b: 'boolean', t: 'time', a: 'any' } as const
  const good = { n: 1, s: '', b: false, t: '2026-11-21T11:59:00Z', a: null }
  expect(code(message(good), { fields, eventTime: 't' })).toBe('m-1')
  for (const wrong of [{ n: '1' }, { s: 1 }, { b: 0 }, { t: 'noon' }, { t: true }]) {
    expect(code(message({ ...good, ...wrong }), { fields }), JSON.stringify(wrong)).toBe(
      'E_MESSAGE',
    )
  }
  const soon = { ...good, t: '2026-11-21T12:04:00Z' }
  expect(code(message(soon), { fields, eventTime: 't' })).toBe('m-1')
  const late = { ...good, t: '2026-11-21T12:06:00Z' }
  expect(code(message(late), { fields, eventTime: 't' })).toBe('E_EVENT_TIME')
  for (const body of ['[]', '1', 'null', '"x"', '', '{', '{"a":']) {
    expect(code(message(body)), body).toBe('E_MESSAGE')
  }
})

test('a reply goes only where the declaration says', () => {
  const asks = (replyTo: string, allowed: readonly string[]) =>
    code(message({}, { replyTo }), { replyTo: allowed })
  expect(asks('answers.7', ['answers.*'])).toBe('m-1')
  expect(asks('answers', ['answers'])).toBe('m-1')
  expect(asks('answers.7', ['answers'])).toBe('E_REPLY_TO')
  expect(asks('answers.7', [])).toBe('E_REPLY_TO')
  // Not even if someone allows everything.
  expect(asks('$SYS.>', ['*'])).toBe('E_REPLY_TO')
})

test('a CloudEvent that came through a broker is its data, and is named by source and id', () => {
  const event = { specversion: '1.0', id: '7', source: '/fab', type: 't', data: { n: 1 } }
  const format = 'cloudevents'
  expect(decode(message(event), { ...spec, format }, now)).toEqual({
    id: '/fab 7',
    value: { n: 1 },
  })
  const binary = { 'ce-specversion': '1.0', 'ce-id': '8', 'ce-source': '/fab', 'ce-type': 't' }
  expect(decode(message({ n: 2 }, { headers: binary }), { ...spec, format }, now)).toEqual({
    id: '/fab 8',
    value: { n: 2 },
  })
  expect(code(message({ n: 1 }), { format })).toBe('E_MESSAGE')
  expect(code(message({ ...event, time: '2027-01-01T00:00:00Z' }), { format })).toBe('E_EVENT_TIME')
})

test('whatever bytes come, they are decoded or refused by a code', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.json(), (bytes, text) => {
      for (const body of [bytes, Buffer.from(text)]) {
        const found = code(
          { ...message(''), body, sizeBytes: body.length },
          { format: 'cloudevents' },
        )
        expect(found === 'm-1' || Object.hasOwn(errorCodes, found)).toBe(true)
      }
    }),
  )
})

test('what follows from a failure: again, away or dead', () => {
  const of = (code: ErrorCode, attempts: number, alone = true) =>
    verdictOn(new MusterError(code, ''), { attempts, attemptsMax: 3, alone })
  expect([of('E_INTERNAL', 1), of('E_INTERNAL', 2), of('E_INTERNAL', 3)]).toEqual([
    'again',
    'again',
    'dead',
  ])
  expect([of('E_DEADLINE_PAST', 1), of('E_MODEL_UNKNOWN', 1)]).toEqual(['again', 'again'])
  // Late among others, or on a busy node: whose fault it was is not known.
  expect([of('E_DEADLINE_PAST', 3), of('E_DEADLINE_PAST', 9, false)]).toEqual(['dead', 'away'])
  expect(of('E_INTERNAL', 3, false)).toBe('dead')
  expect([of('E_BUSY', 9), of('E_NOT_SERVING', 9), of('E_BACKLOG', 9)]).toEqual(
    Array(3).fill('away'),
  )
  expect([of('E_FEATURE_VALUE', 1), of('E_TENSOR_SHAPE', 1)]).toEqual(['dead', 'dead'])
})

test('as many at once as are in time, and not one less for long', () => {
  const atOnce = new AtOnce(100)
  atOnce.told(100, 40)
  expect(atOnce.now).toBe(50)
  // A group that was not full says nothing of a fuller one, unless it was late.
  atOnce.told(10, 0)
  expect(atOnce.now).toBe(50)
  atOnce.told(10, 1)
  expect(atOnce.now).toBe(5)
  for (let i = 0; i < 5; i++) atOnce.told(atOnce.now, 1)
  expect(atOnce.now).toBe(1)
  const grown = Array.from({ length: 25 }, () => {
    atOnce.told(atOnce.now, 0)
    return atOnce.now
  })
  expect([grown[0], grown[1], grown.at(-1)]).toEqual([2, 3, 100])
})
