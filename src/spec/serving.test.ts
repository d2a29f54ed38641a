import { expect, test } from 'vitest'
import { must } from '../base/assert.ts'
import { readFleet } from './read-fleet.ts'
import { renderProblems } from './render-problems.ts'
import { sampleFleet } from './sample-fleet.ts'
import { defaultServing } from './serving.ts'

function withServing(lines: string, text = sampleFleet) {
  const path = 'muster.yaml'
  const files = [{ path, text: text.replace('overrides:', `${lines}overrides:`) }]
  return { files, ...readFleet(files) }
}

function servingOf(lines: string, text?: string) {
  const { spec, problems } = withServing(lines, text)
  expect(problems).toEqual([])
  return must(spec?.blueprints.get('route-late'), 'it is declared').serving
}

test('a blueprint that says nothing of serving has the defaults of its risk class', () => {
  expect(servingOf('')).toEqual(defaultServing('low'))
  expect(servingOf('riskClass: high\n')).toEqual({ ...defaultServing('low'), durable: true })
  expect(servingOf('serving: {}\n')).toEqual(defaultServing('low'))
})

test('all of it can be said', () => {
  const serving = `serving:
  fallback: [cached, previous, rule]
  cachedFor: 10m
  rule: "inputs.hour > 12.0 ? 0.3 : 0.1"
  durable: true
  tier: on-demand
  idleAfter: 2h
  rowsInFlightMax: 64
`
  expect(servingOf(serving)).toEqual({
    fallback: ['cached', 'previous', 'rule'],
    cachedForMs: 600_000,
    rule: 'inputs.hour > 12.0 ? 0.3 : 0.1',
    durable: true,
    tier: 'on-demand',
    idleAfterMs: 7_200_000,
    rowsInFlightMax: 64,
  })
  expect(servingOf('serving: { fallback: [cached] }\n').cachedForMs).toBe(3_600_000)
  expect(servingOf('serving: { fallback: [] }\n').fallback).toEqual([])
  expect(servingOf('serving: { fallback: [rule], rule: 0.2 }\n').rule).toBe(0.2)
})

test('who answers is no part of what is trained', () => {
  const digestOf = (lines: string) => withServing(lines).spec?.blueprints.get('route-late')?.digest
  expect(digestOf('serving: { fallback: [rule], rule: 0.2 }\n')).toBe(digestOf(''))
  expect(withServing('serving: { durable: true }\n').spec?.digest).not.toBe(
    withServing('').spec?.digest,
  )
})

test('what cannot be meant is refused at its place', async () => {
  const wrong = [
    'serving: { fallback: [previous, previous] }\n',
    'serving: { fallback: [rule] }\n',
    'serving: { rule: 3 }\n',
    'serving: { cachedFor: 5m }\n',
    'serving: { tier: pinned, idleAfter: 5m }\n',
    'serving: { fallback: [nobody] }\n',
    'serving: { rowsInFlightMax: 0, idle: 5m }\n',
  ]
  const told = wrong.map(lines => {
    const { files, problems } = withServing(lines)
    return renderProblems(problems, files, { all: true })
  })
  await expect(`${told.join('\n')}\n`).toMatchFileSnapshot('golden/serving.txt')
})
