import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Tensor } from '../fleet/index.ts'
import { modelOf, valueInfo } from '../onnx/odd-models.fixture.ts'
import { type Frame, FrameReader, frameKind, PayloadWriter } from './frame.ts'
import { identity } from './runner.ts'
import { readTensors, writeTensors } from './tensor-wire.ts'

const tensors: readonly Tensor[] = [
  { name: 'x', datatype: 'FP32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
  { name: 'größe', datatype: 'INT64', shape: [1], data: BigInt64Array.of(-5n) },
  { name: 't', datatype: 'BYTES', shape: [3], data: ['a', '', 'ÿ 漢'] },
  { name: 'scalar', datatype: 'BOOL', shape: [], data: Uint8Array.of(1) },
]

test('tensors come through as they were, in whatever pieces the stream cuts them', () => {
  const payload = writeTensors(new PayloadWriter().u32(7), tensors)
  const bytes = Buffer.concat(payload.frame(frameKind.run, 41))
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 30 }), cuts => {
      const reader = new FrameReader()
      const frames: Frame[] = []
      let at = 0
      for (const cut of [...cuts, bytes.length * 2]) {
        frames.push(...reader.push(Buffer.from(bytes.subarray(at, at + cut))))
        at += cut
      }
      frames.push(...reader.push(bytes))
      expect(frames.map(({ kind, call }) => [kind, call])).toEqual([
        [frameKind.run, 41],
        [frameKind.run, 41],
      ])
      for (const frame of frames) {
        expect(frame.payload.u32()).toBe(7)
        expect(readTensors(frame.payload)).toEqual(tensors)
      }
    }),
  )
})

test('whatever a runner sends, it is read or refused as out of range', () => {
  const take = (bytes: Uint8Array) => {
    try {
      const frames = new FrameReader().push(Buffer.from(bytes))
      for (const { payload } of frames) readTensors(payload)
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError)
    }
  }
  const good = Buffer.concat(writeTensors(new PayloadWriter(), tensors).frame(frameKind.ran, 1))
  const changes = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 6 })
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), take), { numRuns: 2_000 })
  fc.assert(
    fc.property(changes, made => {
      const bytes = Uint8Array.from(good)
      for (const [at, value] of made) bytes[at] = value
      take(bytes)
    }),
    { numRuns: 3_000 },
  )
})

test('the model that warms a runner is y = x', () => {
  const graph = {
    node: [{ opType: 'Identity', input: ['x'], output: ['y'] }],
    input: [valueInfo('x', ['n', 1])],
    output: [valueInfo('y', ['n', 1])],
  }
  expect(Buffer.from(modelOf(graph)).toString('base64')).toBe(identity)
})
