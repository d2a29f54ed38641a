import onnxProto from 'onnx-proto'
import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../base/random.ts'
import type { ViewFeature } from '../spec/index.ts'
import { buildFamilyGraph } from './family-graph.ts'
import { buildMemberModel } from './member-model.ts'
import {
  columnsOf,
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

const cases: readonly (readonly [string, readonly ViewFeature[], GraphHead])[] = [
  ['typical view, identity', typicalView(), heads.identity],
  ['typical view, sigmoid', typicalView(), heads.sigmoid],
  ['mixed view, identity', mixedView(), heads.identity],
  ['mixed view, sigmoid', mixedView(), heads.sigmoid],
  ['one feature', [viewFeature('x', { kind: 'standard' })], heads.identity],
  ['cells by season', mixedView(), hours],
  ['one cell', typicalView(), constant],
]

describe('an exported member', () => {
  test.each(cases)('answers as its family does, bit for bit: %s', async (_name, features, head) => {
    const random = new SeededRandom(11)
    const layout = rowLayout(features, head)
    await using family = await openFamilySession(buildFamilyGraph(features, head))
    for (const size of [1, 2, 7, 1_000, 4_096]) {
      for (let member = 0; member < (size < 10 ? 20 : 3); member++) {
        const row = randomRows(layout, 1, random)
        const x = randomRaw(features, size, random)
        await using model = await openModelSession(buildMemberModel(features, head, row, about))
        const theirs = await model.run(columnsOf(x, layout.inputs), size)
        const each = new Float32Array(size * layout.width)
        for (let i = 0; i < size; i++) each.set(row, i * layout.width)
        expect(bits(theirs)).toEqual(bits(await family.run(x, row, size, 1)))
        expect(bits(theirs)).toEqual(bits(await family.run(x, each, size)))
      }
    }
  })

  test('says by itself what it is', async () => {
    const features = typicalView()
    const row = randomRows(rowLayout(features, heads.sigmoid), 1, new SeededRandom(1))
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

function bits(values: Float32Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length)
}
