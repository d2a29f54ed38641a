import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { graphFleet } from './graph-fleet.ts'
import { planeFleet } from './plane-fleet.ts'
import { type SpecProblem, specProblemCodes } from './problem.ts'
import { readFleet } from './read-fleet.ts'
import { renderProblems } from './render-problems.ts'
import { sampleFleet } from './sample-fleet.ts'

/*
 * Whatever a file holds, reading it gives a fleet or problems with places, and never throws.
 */

function holds(text: string): void {
  const files = [{ path: 'muster.yaml', text }]
  const { spec, problems } = readFleet(files)
  expect(spec === undefined).toBe(problems.length > 0)
  for (const problem of problems) expectPlace(problem, text)
  if (problems.length > 0) {
    expect(renderProblems(problems, files, { all: true })).toContain('Nothing was changed.')
  }
}

function expectPlace(problem: SpecProblem, text: string): void {
  expect(Object.hasOwn(specProblemCodes, problem.code)).toBe(true)
  expect(problem.line).toBeGreaterThanOrEqual(1)
  expect(problem.line).toBeLessThanOrEqual(text.split(/\r\n|\r|\n/).length)
  expect(problem.column).toBeGreaterThanOrEqual(1)
  expect(problem.length).toBeGreaterThanOrEqual(1)
  expect(problem.message).not.toBe('')
  expect(problem.cure).not.toBe('')
  expect(problem.message).not.toMatch(/undefined|\[object|NaN/)
}

test('random text', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 400 }), holds), { numRuns: 300 })
})

const tokens = [
  ...'[]{},:-?#&*!|>\'"%@`~'.split(''),
  '\n',
  '  ',
  '- ',
  ': ',
  '---\n',
  'kind: ',
  'Blueprint',
  'fleet: a',
  'null',
  '1e999',
  '-0',
  '*a',
  '&a ',
  '<<: ',
  '__proto__: ',
  'a.b.c',
  '*.*',
  '🚀',
  '\u202e',
]

test('text made of what YAML is made of', () => {
  const text = fc.array(fc.constantFrom(...tokens), { maxLength: 60 }).map(parts => parts.join(''))
  fc.assert(fc.property(text, holds), { numRuns: 400 })
})

/** Each with how often it is changed: the longest are read the slowest. */
const fleets = {
  design: { fleet: sampleFleet, numRuns: 250 },
  plane: { fleet: planeFleet, numRuns: 250 },
  graph: { fleet: graphFleet, numRuns: 80 },
}

describe.each(Object.entries(fleets))('a valid fleet, %s,', (_, { fleet, numRuns }) => {
  test('mutated', () => {
    const mutation = fc.record({
      at: fc.nat(fleet.length),
      remove: fc.nat(30),
      insert: fc.oneof(fc.constantFrom(...tokens), fc.string({ maxLength: 10 })),
    })
    const mutated = fc
      .array(mutation, { minLength: 1, maxLength: 4 })
      .map(list =>
        list.reduce(
          (text, { at, remove, insert }) => text.slice(0, at) + insert + text.slice(at + remove),
          fleet,
        ),
      )
    fc.assert(fc.property(mutated, holds), { numRuns })
  })

  test('with a line taken out, doubled or moved', () => {
    const lines = fleet.split('\n')
    const shuffled = fc
      .tuple(fc.nat(lines.length - 1), fc.nat(lines.length - 1), fc.boolean())
      .map(([from, to, keep]) => {
        const rest = keep ? lines : lines.toSpliced(from, 1)
        return rest.toSpliced(to, 0, lines[from] ?? '').join('\n')
      })
    fc.assert(fc.property(shuffled, holds), { numRuns })
  })

  test('with a value that is something else', () => {
    const value = fc.oneof(
      fc.constantFrom('null', '[]', '{}', 'true', '-1', '1.5', '""', '[[1]]', '{ a: 1 }', '1e3'),
      fc.string({ maxLength: 8 }).map(text => JSON.stringify(text)),
    )
    const places = [...fleet.matchAll(/^(?: {2})?[\w.*]+:/gm)].map(m => m.index + m[0].length)
    const changed = fc.tuple(fc.constantFrom(...places), value).map(([at, text]) => {
      const end = fleet.indexOf('\n', at)
      return `${fleet.slice(0, at)} ${text}${fleet.slice(end)}`
    })
    fc.assert(fc.property(changed, holds), { numRuns })
  })
})
