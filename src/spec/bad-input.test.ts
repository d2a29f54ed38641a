import { describe, expect, test } from 'vitest'
import type { SpecProblem, SpecProblemCode } from './problem.ts'
import { readFleet } from './read-fleet.ts'
import { sampleFleet } from './sample-fleet.ts'

/*
 * The catalogue of bad inputs, C1 to C19, as far as it is about declarations. C5 (two documents in
 * a file) is allowed here; C13 and C16 (repositories, schedules) and C14 (cycles) cannot be
 * spelled; C12 is tried in files.test.ts.
 */

function problems(text: string): readonly SpecProblem[] {
  return readFleet([{ path: 'muster.yaml', text }]).problems
}

function codes(text: string): readonly SpecProblemCode[] {
  return problems(text).map(problem => problem.code)
}

function changed(from: string, to: string): string {
  expect(sampleFleet).toContain(from)
  return sampleFleet.replace(from, () => to)
}

test('C1: billion laughs', () => {
  const levels = Array.from({ length: 9 }, (_, i) => {
    const item = i === 0 ? 'ha' : `*a${i - 1}`
    return `a${i}: &a${i} [${Array(9).fill(item).join(', ')}]`
  })
  const found = problems(`${sampleFleet}---\nkind: Environment\nname: x\n${levels.join('\n')}`)
  expect(new Set(found.map(p => p.code))).toEqual(
    new Set(['E_SPEC_ALIASES', 'E_SPEC_UNKNOWN_FIELD']),
  )
  expect(codes(`${sampleFleet}<<: { a: 1 }\n`)).toEqual(['E_SPEC_ALIASES'])
})

describe('C2: nesting', () => {
  const bombs: Record<string, string> = {
    '100,000 [': '['.repeat(100_000),
    '50,000 ["]",': '["]",'.repeat(50_000),
    '100,000 {a:': '{a: '.repeat(50_000),
    '- - -': '- '.repeat(100_000),
    '? ? ?': '? '.repeat(100_000),
    indentation: Array.from({ length: 600 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
    'closed in a comment': `a: ${'[ # ]\n '.repeat(200)}`,
  }
  for (const [name, text] of Object.entries(bombs)) {
    test(name, () => expect(codes(text)).toContain('E_SPEC_DEPTH'))
  }
  test('and size', () => {
    expect(codes(`# ${'x'.repeat(300_000)}`)).toContain('E_SPEC_SIZE')
    expect(codes(`# ${'ä'.repeat(140_000)}`)).toContain('E_SPEC_SIZE')
  })
})

test('C3: tags and directives', () => {
  expect(codes(changed('delay > 15', '!!js/function "f"'))).toEqual(['E_SPEC_TAG'])
  expect(codes(changed('delay > 15', '!mine x'))).toEqual(['E_SPEC_TAG'])
  expect(codes(`%YAML 1.1\n---\n${sampleFleet}`)).toEqual(['E_SPEC_DIRECTIVE'])
})

test('C4: duplicate keys, also in JSON', () => {
  const [found] = problems(changed('label: delay > 15', 'label: delay > 15\nlabel: delay > 9'))
  expect(found).toMatchObject({ code: 'E_SPEC_DUPLICATE_KEY', line: 39, column: 1, length: 5 })
  expect(found?.message).toContain('line 38')
  const json = '{"apiVersion": "muster/v1", "fleet": "a", "fleet": "b"}'
  expect(codes(json)).toEqual(['E_SPEC_DUPLICATE_KEY'])
})

test('C6: what is no text, and numbers that lose digits', () => {
  expect(codes(changed('label: delay > 15', 'label: 1.10'))).toEqual(['E_SPEC_TYPE'])
  expect(problems(changed('label: delay > 15', 'label: 1.10'))[0]?.cure).toContain('"1.10"')
  expect(codes(changed('owner: network-ops', 'owner: no'))).toEqual([])
  for (const number of ['12345678901234567890', '9007199254740993', '0xFFFFFFFFFFFFFFFF']) {
    expect(codes(changed('atLeast: 100', `atLeast: ${number}`))).toEqual(['E_SPEC_NUMBER_RANGE'])
  }
})

test('C7: unknown fields, wherever they are', () => {
  const places: [string, string, string][] = [
    ['view: two', 'veiw: two', 'use `view`'],
    ['atLeast: 100', 'atleast: 100', 'use `atLeast`'],
    ['latencyP99Ms', 'latencyP99', 'use `latencyP99Ms`'],
    ['stats: [mean, count]', 'stat: [mean, count]', 'use `stats`'],
    ['environments: [prod]', 'enviroments: [prod]', 'use `environments`'],
    ['approval: none', 'appliesto: none', 'use `appliesTo`'],
    ['name: flights', 'fleet: x\nname: flights', 'remove it: it stands once'],
  ]
  for (const [from, to, cure] of places) {
    const [found] = problems(changed(from, to)).filter(p => p.code === 'E_SPEC_UNKNOWN_FIELD')
    expect(found?.cure, to).toContain(cure)
  }
})

test('C8: __proto__, constructor, prototype', () => {
  for (const key of ['__proto__', 'constructor', 'prototype', '"__proto__"']) {
    expect(codes(changed('atLeast: 100', `atLeast: 100, ${key}: { admin: true }`))).toEqual([
      'E_SPEC_FORBIDDEN_KEY',
    ])
  }
  expect(({} as { admin?: boolean }).admin).toBeUndefined()
})

describe('C9: names', () => {
  const names = [
    '../../etc',
    'a/b',
    'a%2fb',
    '.',
    '-a',
    'x'.repeat(300),
    'route-late\\n',
    'a\\0b',
    'аbc',
    'a\\u202Eb',
    '🚀',
    '',
  ]
  for (const name of names) {
    test(JSON.stringify(name), () => {
      const [found, ...more] = problems(changed('name: route-late', `name: "${name}"`))
      expect(more).toEqual([])
      expect(['E_SPEC_NAME', 'E_SPEC_VALUE']).toContain(found?.code)
      expect(found?.message).not.toMatch(/[\u0000-\u001f\u202e]/)
      expect(found?.message.length).toBeLessThan(300)
    })
  }
  test('a look-alike is named by its code point', () => {
    expect(problems(changed('name: route-late', 'name: rоute-late'))[0]?.message).toContain(
      'U+043E',
    )
  })
})

test('C11: BOM and CRLF are read, other encodings refused', () => {
  expect(codes(`\ufeff${sampleFleet}`)).toEqual([])
  expect(codes(sampleFleet.replaceAll('\n', '\r\n'))).toEqual([])
  expect(codes(sampleFleet.replaceAll('\n', '\r'))).toEqual([])
  expect(codes(`${sampleFleet}# \0`)).toContain('E_SPEC_ENCODING')
  expect(codes(`${sampleFleet}# \ud800`)).toContain('E_SPEC_ENCODING')
  for (const empty of ['', '\n\n', '# only\n# comments\n', '---\n---\n', '\ufeff']) {
    expect(codes(empty)).toContain('E_SPEC_EMPTY')
  }
  const crlf = changed('cyclic(24)', 'cyclc(24)').replaceAll('\n', '\r\n')
  expect(problems(`\ufeff${crlf}`)[0]).toMatchObject({ line: 27, column: 47, length: 9 })
})

test('C15: values', () => {
  const values: [string, string, SpecProblemCode][] = [
    ['penalty: 10', 'penalty: .nan', 'E_SPEC_VALUE'],
    ['penalty: 10', 'penalty: .inf', 'E_SPEC_VALUE'],
    ['penalty: 10', 'penalty: 1e999', 'E_SPEC_VALUE'],
    ['penalty: 10', 'penalty: -0', 'E_SPEC_VALUE'],
    ['penalty: 10', 'penalty: "0.8"', 'E_SPEC_TYPE'],
    ['penalty: 10', 'penalty: 0', 'E_SPEC_VALUE'],
    ['penalty: 10', 'penalties: []', 'E_SPEC_VALUE'],
    ['penalty: 10', 'penalty: 1, penalties: [1]', 'E_SPEC_PARAMETER'],
    ['penalty: 10', 'folds: 3', 'E_SPEC_OVERRIDE'],
    ['atLeast: 100', 'atLeast: 1.5', 'E_SPEC_TYPE'],
    ['atLeast: 100', 'atLeast: -1', 'E_SPEC_VALUE'],
    ['cyclic(24)', 'clip(3, 1)', 'E_SPEC_TRANSFORM'],
    ['cyclic(24)', 'cyclic(NaN)', 'E_SPEC_TRANSFORM'],
    ['cyclic(24)', 'impute(1e999)', 'E_SPEC_TRANSFORM'],
    ['1h, 24h', '0h', 'E_SPEC_VALUE'],
    ['2001-01..2001-04', '2001-04..2001-01', 'E_SPEC_SPAN'],
    ['2001-01..2001-04', '2001-02-30', 'E_SPEC_SPAN'],
    ['report: 2001-06', 'report: 2001-13', 'E_SPEC_SPAN'],
    ['latencyP99Ms: 10', 'quality: { metric: auc, atMost: 1 }', 'E_SPEC_OBJECTIVE'],
    ['latencyP99Ms: 10', 'quality: { metric: auc, atMost: 1, atLeast: 2 }', 'E_SPEC_VALUE'],
    ['latencyP99Ms: 10', 'quality: { metric: auc, atLeast: .nan }', 'E_SPEC_VALUE'],
  ]
  for (const [from, to, code] of values) {
    expect(codes(changed(from, to)), to).toContain(code)
  }
})

test('C17: owner, purpose and risk class', () => {
  expect(codes(changed('owner: network-ops, ', ''))).toContain('E_SPEC_OWNER_REQUIRED')
  expect(codes(changed(', riskClass: low }', ' }'))).toContain('E_SPEC_RISK_REQUIRED')
  const [found] = problems(changed('purpose: Chance', '# purpose: Chance'))
  expect(found).toMatchObject({ code: 'E_SPEC_MISSING_FIELD', line: 32 })
})

test('C18: a source names files in its place, and nothing else', () => {
  const npm = 'npm: vega-datasets/data/flights-3m.parquet'
  const bad = [
    'files: file:///etc/passwd',
    'files: mlflow-artifacts:/..\\..\\',
    'files: s3://b/%252e%252e/',
    'files: "C:/data"',
    'files: ../secrets.csv',
    'files: [data/a.csv, data/../../b.csv]',
    'files: /etc/passwd',
    'files: ~/data.csv',
    'npm: ../../etc/passwd',
    'npm: vega-datasets/../../../etc/passwd',
    'npm: https://example.com/a.parquet',
  ]
  for (const source of bad) expect(codes(changed(npm, source)), source).toContain('E_SPEC_SOURCE')
  expect(codes(changed(npm, `${npm}\nfiles: a.csv`))).toContain('E_SPEC_VALUE')
  expect(codes(changed(npm, 'format: csv'))).toContain('E_SPEC_VALUE')
  const text = changed(npm, 'files: [data/*.parquet, /srv/data/a.csv]')
  const files = [{ path: 'muster.yaml', text }]
  expect(readFleet(files, { dataRoots: ['/srv/data/'] }).problems).toEqual([])
  expect(readFleet(files, { dataRoots: ['/srv/dat'] }).problems[0]?.code).toBe('E_SPEC_SOURCE')
})

test('C19: no field of a document turns checks off', () => {
  for (const word of ['skipValidation: true', 'validate: false', 'labels: { trusted: yes }']) {
    const text = `${sampleFleet}---\nkind: Environment\nname: a\n${word}\n`
    expect(codes(text), word).toEqual(['E_SPEC_UNKNOWN_FIELD'])
  }
})

test('what is not well-formed YAML has a place and a cure', () => {
  const bad = [
    changed('delay > 15', '@delay'),
    changed('delay > 15', 'a: b: c'),
    changed('delay > 15', '"open'),
    changed('members: { atLeast: 100 }', 'members: { atLeast: 100'),
    changed('members:', '\tmembers:'),
    changed('label:', '? [a]\n: b\nlabel:'),
  ]
  for (const text of bad) {
    const [found] = problems(text)
    expect(found?.code).toBe('E_SPEC_YAML')
    expect(found?.cure).not.toBe('')
  }
  expect(codes(`${sampleFleet}---\n- a\n- b\n`)).toEqual(['E_SPEC_TYPE'])
  expect(codes('just words')).toContain('E_SPEC_TYPE')
})
