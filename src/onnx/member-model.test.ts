import onnxProto from 'onnx-proto'
import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../base/random.ts'
import type { ViewFeature } from '../spec/index.ts'
import { buildFamilyGraph, type GraphMore } from './family-graph.ts'
import { buildMemberModel } from './member-model.ts'
import {
  columnsOf,
  encodedCrosses,
  encodedView,
  heads,
  mixedView,
  randomRaw,
  randomRows,
  typicalView,
  viewFeature,
} from './random-view.fixture.ts'
import { type GraphHead, rowLayout } from './row-layout.ts'
import { openFamilySession, openModelSession } from './session.ts'

const about = { name: 'route-delay.ATL.LAX', version: 3, doc: 'Delay in minutes.' }
const hours = { kind: 'cells', season: 2, cells: 24, output: 'identity' } as const
const constant = { kind: 'cells', season: -1, cells: 1, output: 'identity' } as const

/** Codes 0 to 13: 14 is unknown, and so is -1. */
const texts = Array.from({ length: 14 }, (_, code) => `c${code} "é"`)
const categories = Object.fromEntries(
  encodedView().flatMap(({ name, type }) => (type ? [[name, texts]] : [])),
)
const more = { crosses: encodedCrosses, categories }

type Case = readonly [string, readonly ViewFeature[], GraphHead, GraphMore | undefined]
const cases: readonly Case[] = [
  ['typical view, identity', typicalView(), heads.identity, undefined],
  ['typical view, sigmoid', typicalView(), heads.sigmoid, undefined],
  ['mixed view, identity', mixedView(), heads.identity, undefined],
  ['mixed view, sigmoid', mixedView(), heads.sigmoid, undefined],
  ['one feature', [viewFeature('x', { kind: 'standard' })], heads.identity, undefined],
  ['encoded view, identity', encodedView(), heads.identity, more],
  ['encoded view, sigmoid', encodedView(), heads.sigmoid, more],
  ['cells among categories', encodedView(), { ...hours, season: 2 }, more],
  ['cells by season', mixedView(), hours, undefined],
  ['one cell', typicalView(), constant, undefined],
]

describe('an exported member', () => {
  test.each(cases)(
    'answers as its family does, bit for bit: %s',
    async (_name, features, head, given) => {
      const random = new SeededRandom(11)
      const layout = rowLayout(features, head, given?.crosses)
      await using family = await openFamilySession(buildFamilyGraph(features, head, given))
      expect(family.categories).toEqual(given?.categories ?? {})
      for (const size of [1, 2, 7, 1_000, 4_096]) {
        for (let member = 0; member < (size < 10 ? 20 : 3); member++) {
          const row = randomRows(features, layout, 1, random)
          const x = randomRaw(features, size, random)
          const bytes = buildMemberModel(features, head, row, about, given)
          await using model = await openModelSession(bytes)
          const theirs = await model.run(inputsOf(features, x), size)
          const each = new Float32Array(size * layout.width)
          for (let i = 0; i < size; i++) each.set(row, i * layout.width)
          expect(bits(theirs)).toEqual(bits(await family.run(x, row, size, 1)))
          expect(bits(theirs)).toEqual(bits(await family.run(x, each, size)))
        }
      }
    },
  )

  test('says by itself what it is', async () => {
    const features = typicalView()
    const row = randomRows(features, rowLayout(features, heads.sigmoid), 1, new SeededRandom(1))
    const bytes = buildMemberModel(features, heads.sigmoid, row, about)
    expect(buildMemberModel(features, heads.sigmoid, row, about)).toEqual(bytes)
    await using model = await openModelSession(bytes)
    expect(model.inputNames).toEqual(features.map(feature => feature.name))
    expect(model.outputName).toBe('probability')
    const read = onnxProto.onnx.ModelProto.decode(bytes)
    expect(read.metadataProps.map(({ key, value }) => [key, value])).toEqual([
      ['model', 'route-delay.ATL.LAX'],
      ['version', '3'],
      ['producer', 'muster'],
    ])
    expect(read.docString).toBe('Delay in minutes.')
  })

  test('a feature may not be named as the output is', () => {
    const features = [viewFeature('prediction')]
    const build = () => buildMemberModel(features, heads.identity, new Float32Array(2), about)
    expect(build).toThrow('a feature is named `prediction`')
  })
})

/** As callers of an exported model have them: a category is text. */
function inputsOf(features: readonly ViewFeature[], x: Float32Array) {
  return columnsOf(x, features.length).map((column, f) =>
    features[f]!.type === undefined
      ? column
      : Array.from(column, code => (Number.isNaN(code) ? '' : (texts[code] ?? 'never seen'))),
  )
}

function bits(values: Float32Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length)
}
