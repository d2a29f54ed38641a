import { expect, test } from 'vitest'
import { buildFamilyGraph, openFamilySession, rowLayout } from '../onnx/index.ts'
import { readHead, writeHead } from './head.ts'
import { parityErrors } from './parity.ts'
import { chooseSamples, takeSamples } from './parity-samples.ts'
import { aFeature } from './small-family.fixture.ts'

test('samples are spread over the rows of each member', () => {
  const samples = chooseSamples([{ from: 0, to: 3 }, undefined, { from: 100, to: 180 }], 1)
  expect([...samples.member]).toEqual([0, 0, 0, ...Array<number>(8).fill(2)])
  expect([...samples.position]).toEqual([0, 1, 2, 105, 115, 125, 135, 145, 155, 165, 175])
  takeSamples(samples, 100, {
    rows: 30,
    features: [Float32Array.from({ length: 30 }, (_, i) => i)],
  })
  expect([...samples.raw[0]!].filter(Number.isFinite)).toEqual([5, 15, 25])
})

test('a graph that answers something else than the fit is found, member by member', async () => {
  const features = [aFeature('p', { kind: 'standard' }), aFeature('q')]
  const head = { kind: 'linear', output: 'identity' } as const
  const layout = rowLayout(features, head)
  await using session = await openFamilySession(buildFamilyGraph(features, head))
  const transforms = new Float32Array(layout.width)
  for (const { offset } of layout.centers) transforms[offset] = 3
  for (const { offset } of layout.scales) transforms[offset] = 0.5
  const fit = Float64Array.of(1.1, -2.3, 40)
  const exact = transforms.slice()
  writeHead(layout, fit, exact)
  const off = exact.slice()
  off[layout.bias] = 40.01
  const samples = chooseSamples(
    [
      { from: 0, to: 2 },
      { from: 2, to: 4 },
      { from: 4, to: 5 },
    ],
    2,
  )
  const raw = [Float32Array.of(1, 2, 3, 4, Number.NaN), Float32Array.of(0, 1, 0, 1, 1)]
  takeSamples(samples, 0, { rows: 5, features: raw })
  const fitted = { heads: [fit, fit, fit], rows: [exact, off, exact], scales: [10, 10, 10] }
  const errors = await parityErrors(samples, fitted, { features, head, layout }, session)
  expect(errors[0]).toBeLessThan(1e-6)
  expect(errors[1]).toBeCloseTo(0.01 / 40, 4)
  expect(errors[2]).toBeNaN()
  expect(readHead(layout, exact)[2]).toBe(40)
})
