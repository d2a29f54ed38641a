import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { peerPython, runPeer } from '../../bench/peers/python.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { rowLayout, transformRow } from '../../src/onnx/index.ts'
import { fitTransforms } from '../../src/pipelines/fit-transforms.ts'
import { rowsOfParts } from '../../src/pipelines/fitted-rows.ts'
import { aFeature, aPart } from '../../src/pipelines/small-family.fixture.ts'
import { readTransform, type Transform } from '../../src/spec/index.ts'
import { skipBecause } from '../strict.ts'

/* The values that the transforms give are those of scikit-learn, fitted on the same column. */

interface Case {
  readonly steps: readonly Transform[]
  readonly train: readonly (number | null)[]
  readonly asked: readonly (number | null)[]
  readonly y: readonly number[]
}

const random = new SeededRandom(77)
const rows = 500
const measures = Array.from({ length: rows }, () => Math.fround(random.normal() * 30 + 4))
const withGaps = measures.map((value, i) => (i % 7 === 0 ? null : value))
const skewed = measures.map(value => Math.max(0, Math.round(value / 10)))
const y = skewed.map(value => value + random.normal())
const askedMeasures = [...measures.slice(0, 50), -1e6, 1e6, 0]
const askedWhole = [0, 1, 2, 3, 4, 99, -5]

function aCase(texts: readonly string[], train: Case['train'], asked: Case['asked']): Case {
  const steps = texts.flatMap(text => {
    const read = readTransform(text)
    return 'step' in read && read.step ? [read.step] : []
  })
  expect(steps).toHaveLength(texts.length)
  return { steps, train, asked, y }
}

const cases: readonly Case[] = [
  aCase(['standard'], measures, askedMeasures),
  aCase(['minmax'], measures, askedMeasures),
  aCase(['robust'], measures, askedMeasures),
  aCase(['robust'], [...skewed.map(value => (value > 3 ? value : 0))], askedWhole),
  aCase(['impute(mean, indicator)'], withGaps, [null, 3]),
  aCase(['impute(median)', 'minmax'], withGaps, [null, 3]),
  aCase(['impute(most_frequent)', 'standard'], skewed, [1, 2]),
  aCase(['impute(7)', 'robust'], withGaps, [null, 3]),
  aCase(['onehot(100)'], skewed, askedWhole),
  aCase(['ordinal(-1)'], skewed, askedWhole),
  aCase(['ordinal(-1)', 'standard'], skewed, askedWhole),
  aCase(['buckets(5)'], measures, askedMeasures),
  aCase(['buckets(10)'], skewed, askedWhole),
  aCase(['target(20)'], skewed, askedWhole),
  aCase(['target(0)'], skewed, askedWhole),
]

/** Columns of values that training did not have are ours alone: zero in all rows. */
function withoutEmpty(columns: readonly (readonly number[])[]): number[][] {
  const used = columns[0]!.map((_, c) => columns.some(row => row[c] !== 0))
  return columns.map(row => row.filter((_, c) => used[c]))
}

function ours({ steps, train, asked }: Case): number[][] {
  const features = [aFeature('x', ...steps)]
  const layout = rowLayout(features, { kind: 'linear', output: 'identity' })
  const part = aPart([train.map(value => value ?? Number.NaN)], y)
  const { served } = fitTransforms(features, layout, rowsOfParts([part], 1))
  return asked.map(value => [...transformRow(features, layout, [value ?? Number.NaN], served)])
}

test('scalings, imputation, encoders and buckets give what scikit-learn gives', context => {
  const peer = peerPython()
  if ('missing' in peer) skipBecause(context, peer.missing)
  const folder = mkdtempSync(join(tmpdir(), 'muster-scikit-'))
  try {
    const input = join(folder, 'cases.json')
    writeFileSync(input, JSON.stringify({ cases }))
    const theirs = runPeer<number[][][]>(peer.python, 'transforms.py', input)
    for (const [c, one] of cases.entries()) {
      const name = one.steps.map(step => step.kind).join(' ')
      const [own, other] = [withoutEmpty(ours(one)), withoutEmpty(theirs[c]!)]
      expect(
        own.map(row => row.length),
        name,
      ).toEqual(other.map(row => row.length))
      for (const [r, row] of other.entries()) {
        for (const [k, value] of row.entries()) {
          const away = Math.abs(own[r]![k]! - value) / Math.max(1, Math.abs(value))
          expect(away, `${name}, row ${r}`).toBeLessThan(1e-6)
        }
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
