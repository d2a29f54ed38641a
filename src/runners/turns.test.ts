import { expect, test } from 'vitest'
import { digestOf } from '../base/digest.ts'
import type { Priority } from '../base/priority.ts'
import { Call } from './call.ts'
import { type Held, heldOf } from './sent.ts'
import { Turns } from './turns.ts'

const model = (label: string): Held =>
  heldOf(
    { digest: digestOf(Buffer.from(label)), label, sizeBytes: 1, outputs: [], tier: 'on-demand' },
    1,
    0,
  )
function call(priority: Priority = 'interactive', deadlineMs = 1e9): Call {
  const settle = { resolve: () => {}, reject: () => {}, onSettled: () => {} }
  const made = new Call([], { deadlineMs, nowMs: 0, priority }, settle)
  made_.push(made)
  return made
}
const made_: Call[] = []
const labels = (turns: Turns) => [...turns.drain()].map(({ held }) => held.model.label).join('')

test('models take turns of one, whoever of them has more', () => {
  const turns = new Turns()
  const [a, b] = [model('a'), model('b')]
  for (let i = 0; i < 4; i++) turns.add(a, call(), false)
  turns.add(b, call(), false)
  expect(labels(turns)).toBe('abaaa')
  expect(turns.isEmpty).toBe(true)
})

test('a model that had no call waiting goes before those that have', () => {
  const turns = new Turns()
  const busy = ['a', 'b', 'c'].map(model)
  for (const each of busy) for (let i = 0; i < 3; i++) turns.add(each, call(), false)
  const next = () => turns.next()!.held.model.label
  expect([next(), next(), next(), next()].join('')).toBe('abca')
  const one = model('1')
  turns.add(one, call(), false)
  expect(next()).toBe('1')
  // Once: with a call after each answer it is as busy as they are.
  turns.add(one, call(), false)
  expect(labels(turns)).toBe('bca1bc')
})

test('who comes while the crowd of its model lasts is of the crowd', () => {
  const turns = new Turns()
  const [hot, cold] = [model('h'), model('c')]
  turns.add(cold, call(), true)
  turns.add(cold, call(), false)
  for (let i = 0; i < 4; i++) turns.add(hot, call(), false)
  expect(labels(turns)).toBe('hhhchc')
  turns.add(cold, call(), false)
  turns.add(hot, call(), false)
  expect(labels(turns)).toBe('ch')
})

test('a crowd that waited for a load has one turn of four, and all where nobody else is', () => {
  const turns = new Turns()
  const [hot, cold] = [model('h'), model('c')]
  for (let i = 0; i < 6; i++) turns.add(cold, call(), true)
  for (let i = 0; i < 6; i++) turns.add(hot, call(), false)
  expect(labels(turns)).toBe('hhhchhhccccc')
})

test('interactive before batch before shadow', () => {
  const turns = new Turns()
  turns.add(model('s'), call('shadow'), false)
  turns.add(model('b'), call('batch'), false)
  turns.add(model('c'), call('interactive'), true)
  turns.add(model('i'), call('interactive'), false)
  expect(labels(turns)).toBe('icbs')
})

test('what is settled is passed over, and keeps nothing of what it brought', () => {
  const turns = new Turns()
  const gone = call('interactive', 10)
  turns.add(model('g'), gone, false)
  turns.add(model('a'), call(), false)
  gone.rejectPast(9)
  expect(gone.settled).toBe(false)
  gone.rejectPast(10)
  expect([gone.settled, gone.inputs]).toEqual([true, []])
  expect(labels(turns)).toBe('a')
})
