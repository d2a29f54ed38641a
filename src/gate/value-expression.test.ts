import { describe, expect, test } from 'vitest'
import { graphFleet } from '../spec/graph-fleet.ts'
import { problemAt, readFleet, renderProblems } from '../spec/index.ts'
import { checkGates } from './check-gates.ts'
import { checkValue, compileValue, valueNodesMax } from './value-expression.ts'

const message = JSON.parse(
  '{ "a": 3.5, "n": 2, "list": [1, 2, 3], "text": "q", "none": null,' +
    '"deep": { "k": [1, { "z": 2 }] }, "__proto__": { "x": 5 } }',
)

function value(text: string): unknown {
  const result = compileValue(text).evaluate({ message })
  return result.kind === 'value' ? result.value : result
}

test('gives JSON, whatever CEL holds it as', () => {
  expect(value('message')).toEqual(message)
  expect(value('message.a * 2.0')).toBe(7)
  expect(value('size(message.list)')).toBe(3)
  expect(value('message.list.map(v, v * 2.0)')).toEqual([2, 4, 6])
  expect(value('{"a": message.deep, "b": [1u, 2], 3: null}')).toEqual({
    a: { k: [1, { z: 2 }] },
    b: [1, 2],
    '3': null,
  })
  expect(value('message.none == null ? "x" + message.text : "y"')).toBe('xq')
  expect(value('has(message.b) ? message.b : 0.5')).toBe(0.5)
  expect(value('message.n == 2')).toBe(true)
})

test('one number of a list, which standard CEL has not', () => {
  expect(value('sum(message.list)')).toBe(6)
  expect(value('mean(message.list.filter(v, v > 1.0))')).toBe(2.5)
  expect(value('[min(message.list), max(message.list)]')).toEqual([1, 3])
  expect(value('[mean([]), min([]), max([]), vote([])]')).toEqual([null, null, null, null])
  expect(value('vote([0.2, 0.9, 1.2, 0.1, 0.4])')).toBe(0)
  expect(value('vote([3.0, 1.0, 1.0, 3.0])')).toBe(1)
  expect(value('mean([1.0, "x"])')).toMatchObject({ kind: 'broken' })
})

test('what is not there is told by its path, and what does not fit in words', () => {
  expect(value('message.b + 1.0')).toEqual({ kind: 'missing', path: 'message.b' })
  expect(value('message.deep.q')).toEqual({ kind: 'missing', path: 'message.deep.q' })
  expect(value('message.list[7]')).toMatchObject({ kind: 'missing' })
  expect(value('message.text * 2.0')).toEqual({
    kind: 'broken',
    why: '`*` does not take (string, double)',
  })
  expect(value('"a" in message.a')).toEqual({
    kind: 'broken',
    why: '`in` does not take (string, double)',
  })
  expect(value('1.0 / 0.0')).toMatchObject({ kind: 'broken' })
  expect(value('9223372036854775807')).toMatchObject({ kind: 'broken' })
  expect(value('b"abc"')).toMatchObject({ kind: 'broken' })
  expect(value('message.constructor')).toMatchObject({ kind: 'missing' })
  expect(value('message["__proto__"].x')).toBe(5)
  expect(({} as { x?: number }).x).toBeUndefined()
})

test('members that mean something to the language are members like others', () => {
  const odd = JSON.parse(
    '{ "constructor": 5, "$typeName": "google.protobuf.Any", "value": "x",' +
      '"list": [{ "$typeName": "google.protobuf.Int64Value", "value": "9" }] }',
  )
  const read = (text: string) => compileValue(text).evaluate({ message: odd })
  expect(read('message.constructor + 1.0')).toEqual({ kind: 'value', value: 6 })
  expect(read('message.list[0].value')).toEqual({ kind: 'value', value: '9' })
  expect(read('message')).toEqual({ kind: 'value', value: odd })
})

test('what it costs and gives is bounded', () => {
  const long = { list: Array.from({ length: valueNodesMax }, (_, i) => i) }
  const doubled = compileValue('message.list + message.list').evaluate({ message: long })
  expect(doubled).toMatchObject({ kind: 'broken', why: expect.stringContaining('10000 values') })
  expect(() => compileValue('message.list.map(a, message.list.map(b, a))')).toThrow('within a list')
  expect(
    compileValue('message.list.all(a, a < 9.0) && message.list.exists(a, a > 1.0)'),
  ).toBeDefined()
  expect(() => compileValue('message.text.matches("(a+)+$")')).toThrow('regular expression')
  expect(() => compileValue('('.repeat(500))).toThrow('nests deeper')
})

test('what is wrong is told before it runs', () => {
  const names = { message: 'open', prepared: ['celsius'] } as const
  expect(checkValue('message.x.y > prepared.celsius', names)).toBeUndefined()
  expect(checkValue('message.list.map(m, m + 1.0)', names)).toBeUndefined()
  expect(checkValue('mesage.x', names)?.hint).toBe('use `message`')
  expect(checkValue('prepared.celcius', names)?.hint).toBe('use `prepared.celsius`')
  expect(checkValue('message.x * 2', names)).toMatchObject({ hint: 'write it with a point: 2.0' })
  expect(checkValue('1 + message["x"]', names)).toMatchObject({
    hint: 'write it with a point: 1.0',
  })
  expect(checkValue('size(message.x) * 2', names)).toBeUndefined()
  expect(checkValue('men(message.x)', names)?.hint).toBe('use `mean`')
  expect(checkValue('message.x +', names)).toMatchObject({ code: 'E_SPEC' })
})

function rendered(from: string, to: string): string {
  expect(graphFleet).toContain(from)
  const files = [{ path: 'muster.yaml', text: graphFleet.replace(from, () => to) }]
  const { spec, locate, problems } = readFleet(files)
  expect(problems).toEqual([])
  return renderProblems(
    checkGates(spec!).map(fault => problemAt(locate!, fault)),
    files,
  )
}

describe('the expressions of a graph, at their place', () => {
  const mistakes: readonly (readonly [string, string, string])[] = [
    ['message.wafer', 'mesage.wafer', 'use `message`'],
    ['prepared.celsius > 30.0', 'prepared.warm', 'unknown value `prepared.warm`'],
    ['(message.fahrenheit - 32.0)', '(message.fahrenheit - 32)', 'write it with a point: 32.0'],
    ['response.worst > 0.5', 'steps.second > 0.5', 'known are steps.sensors'],
    ['condition: prepared.warm }', 'condition: response.warm }', 'unknown variable `response`'],
    ['where: key.sensor in', 'where: key.sensr in', 'use `key.sensor`'],
    ['{ tool: message.tool }', '{ tool: key.tool }', 'unknown variable `key`'],
    ['message.readings[key.sensor]', 'message.readings[kay.sensor]', 'use `key`'],
    ["'worst': max(values)", "'worst': maximum(values)", 'unknown function `maximum`'],
    ["'worst': max(values)", "'worst': max(value)", 'use `values`'],
  ]
  test('none is wrong', () => {
    const { spec } = readFleet([{ path: 'muster.yaml', text: graphFleet }])
    expect(checkGates(spec!)).toEqual([])
  })
  for (const [from, to, word] of mistakes) {
    test(to, () => {
      const told = rendered(from, to)
      expect(told).toContain(word)
      expect(told).toMatch(/^muster\.yaml:\d+:\d+ {2}/)
    })
  }
})
