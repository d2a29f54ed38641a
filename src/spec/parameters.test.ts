import fc from 'fast-check'
import { expect, test } from 'vitest'
import { must } from '../base/assert.ts'
import { effectiveParameters, matchesPattern, parametersOf } from './parameters.ts'
import { readFleet } from './read-fleet.ts'
import { sampleFleet } from './sample-fleet.ts'

function readWith(overrides: readonly string[], pipeline = 'logistic@1') {
  const text = sampleFleet
    .replace('  - { match: "*.HNL", pipeline: { name: logistic@1, penalty: 10 } }\n', () =>
      overrides.map(override => `  - ${override}\n`).join(''),
    )
    .replace('pipeline: logistic@1', () => `pipeline: ${pipeline}`)
    .replace('overrides:\nn', 'overrides: []\n')
  return readFleet([{ path: 'muster.yaml', text }])
}

function blueprintWith(overrides: readonly string[], pipeline?: string) {
  const { spec, problems } = readWith(overrides, pipeline)
  expect(problems).toEqual([])
  return must(spec?.blueprints.get('route-late'), 'a valid blueprint')
}

test('patterns are parts of a name', () => {
  expect(matchesPattern('*.HNL', ['ATL', 'HNL'])).toBe(true)
  expect(matchesPattern('*.HNL', ['HNL'])).toBe(false)
  expect(matchesPattern('ATL', ['ATL'])).toBe(true)
  expect(matchesPattern('ATL', ['ATL', 'HNL'])).toBe(false)
  expect(matchesPattern('*', ['ATL'])).toBe(true)
  expect(matchesPattern('St~2E~20Louis.*', ['St. Louis', 'x'])).toBe(true)
  expect(matchesPattern('~', [''])).toBe(true)
  expect(matchesPattern('', [])).toBe(false)
  expect(matchesPattern('*', [])).toBe(false)
  expect(matchesPattern('a*', ['a*'])).toBe(false)
})

test('the narrowest match wins, and each value names its origin', () => {
  const blueprint = blueprintWith(
    [
      '{ match: "ATL.HNL", pipeline: { penalty: 3 } }',
      '{ match: "ATL.*", pipeline: { penalty: 2 } }',
      '{ match: "*.HNL", pipeline: { penalty: 4, minRows: 20 } }',
      '{ match: "*.*", pipeline: { penalty: 1, minRows: 15 } }',
      '{ match: "ATL", pipeline: { penalties: [7, 8] } }',
    ],
    '{ name: logistic@1, penalty: 0.5 }',
  )
  expect(blueprint.overrides.map(override => override.match)).toEqual([
    '*.*',
    'ATL.*',
    '*.HNL',
    'ATL',
    'ATL.HNL',
  ])
  expect(parametersOf(blueprint, []).penalty).toBe(0.5)
  expect(parametersOf(blueprint, ['LGA', 'ORD'])).toMatchObject({ penalty: 1, minRows: 15 })
  expect(parametersOf(blueprint, ['ATL', 'ORD'])).toMatchObject({ penalty: 2, minRows: 15 })
  expect(parametersOf(blueprint, ['LGA', 'HNL'])).toMatchObject({ penalty: 4, minRows: 20 })
  expect(parametersOf(blueprint, ['ATL', 'HNL'])).toMatchObject({ penalty: 3, minRows: 20 })
  const segment = parametersOf(blueprint, ['ATL'])
  expect(segment.penalties).toEqual([7, 8])
  expect(segment).not.toHaveProperty('penalty')
  expect(effectiveParameters(blueprint, ['ATL', 'HNL'])).toEqual([
    { name: 'penalty', value: 3, from: 'muster.yaml:43 override ATL.HNL' },
    { name: 'minRows', value: 20, from: 'muster.yaml:45 override *.HNL' },
    { name: 'maxPasses', value: 25, from: 'default of logistic@1' },
  ])
  expect(effectiveParameters(blueprint, [])[0]).toEqual({
    name: 'penalty',
    value: 0.5,
    from: 'muster.yaml:39',
  })
})

const some = '{ match: ATL, pipeline: { minRows: 12 } }'

test('what a penalty is chosen from is told where it is chosen, and nowhere else', () => {
  const names = (pipeline?: string) =>
    effectiveParameters(blueprintWith([some], pipeline), []).map(parameter => parameter.name)
  expect(names()).toEqual(['penalties', 'folds', 'minRows', 'maxPasses'])
  expect(names('{ name: logistic@1, penalty: 2 }')).toEqual(['penalty', 'minRows', 'maxPasses'])
})

test('fields of a blueprint are declared on lines of their own', () => {
  const { fieldPlaces } = blueprintWith([some])
  expect(Object.entries(fieldPlaces).map(([field, { line }]) => [field, line])).toEqual([
    ['pipeline', 39],
    ['view', 37],
    ['label', 38],
    ['atLeast', 36],
  ])
  const spare = sampleFleet.replace('members: { atLeast: 100 }\n', '')
  const { spec } = readFleet([{ path: 'muster.yaml', text: spare }])
  expect(spec?.blueprints.get('route-late')?.fieldPlaces.atLeast).toBe(undefined)
})

test('ties are refused, and the cure removes them', () => {
  const tied = [
    '{ match: "ATL.*", pipeline: { penalty: 5 } }',
    '{ match: "*.HNL", pipeline: { penalty: 9 } }',
  ]
  const [problem] = readWith(tied).problems
  expect(problem).toMatchObject({
    code: 'E_SPEC_OVERRIDE_TIE',
    message: 'overrides `ATL.*` and `*.HNL`: both match ATL.HNL and neither is narrower',
    cure: 'add ATL.HNL',
    line: 44,
  })
  const half = [...tied, '{ match: "ATL.HNL", pipeline: { minRows: 12 } }']
  expect(readWith(half).problems.map(p => p.cure)).toEqual(['set `penalty` in ATL.HNL'])
  const cured = [...tied, '{ match: "ATL.HNL", pipeline: { penalty: 7 } }']
  expect(readWith(cured).problems).toEqual([])
})

test('overrides that could only be ignored are refused', () => {
  const bad: [string, string][] = [
    ['{ match: "ATL.HNL.x", pipeline: { penalty: 1 } }', 'E_SPEC_OVERRIDE'],
    ['{ match: "St. Louis.*", pipeline: { penalty: 1 } }', 'E_SPEC_OVERRIDE'],
    ['{ match: "A*.HNL", pipeline: { penalty: 1 } }', 'E_SPEC_OVERRIDE'],
    ['{ match: "ATL", pipeline: {} }', 'E_SPEC_OVERRIDE'],
    ['{ match: "ATL", pipeline: { folds: 3 } }', 'E_SPEC_OVERRIDE'],
    ['{ match: "ATL", pipeline: { name: ridge@1, penalty: 1 } }', 'E_SPEC_PIPELINE'],
    ['{ match: "ATL", pipeline: { penlty: 1 } }', 'E_SPEC_PARAMETER'],
    ['{ match: "ATL", pipeline: { penalty: 1, penalties: [2] } }', 'E_SPEC_PARAMETER'],
    ['{ match: "ATL", pipeline: { penalty: -1 } }', 'E_SPEC_VALUE'],
    ['{ match: "ATL", pipeline: { minRows: "1" } }', 'E_SPEC_TYPE'],
  ]
  for (const [override, code] of bad) {
    expect(
      readWith([override]).problems.map(p => p.code),
      override,
    ).toEqual([code])
  }
  const twice = [
    '{ match: "ATL", pipeline: { penalty: 1 } }',
    '{ match: "ATL", pipeline: { minRows: 3 } }',
  ]
  expect(readWith(twice).problems.map(p => p.code)).toEqual(['E_SPEC_OVERRIDE'])
})

test('the season of a baseline is a feature of the view', () => {
  const codes = (pipeline: string) =>
    readWith(['{ match: "ATL", pipeline: { priorRows: 2 } }'], pipeline).problems.map(p => p.code)
  expect(codes('{ name: baseline@1, season: hour, seasons: 24 }')).toEqual([])
  expect(codes('{ name: baseline@1, season: houre, seasons: 24 }')).toEqual(['E_SPEC_REFERENCE'])
  expect(codes('{ name: baseline@1, season: hour }')).toEqual(['E_SPEC_VALUE'])
  expect(codes('{ name: baseline@1, quantile: 0.5 }')).toEqual(['E_SPEC_VALUE'])
  expect(codes('baseline@2')).toEqual(['E_SPEC_PIPELINE'])
})

test('looking up by places gives what matching one by one gives', () => {
  const part = fc.constantFrom('*', 'a', 'b', 'c')
  const pattern = fc.array(part, { minLength: 1, maxLength: 3 }).map(parts => parts.join('.'))
  const key = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 3 })
  const literals = (text: string) => text.split('.').filter(p => p !== '*').length
  fc.assert(
    fc.property(fc.uniqueArray(pattern, { maxLength: 20 }), key, (patterns, keyValues) => {
      const overrides = patterns
        .toSorted((a, b) => literals(a) - literals(b))
        .map(match => ({ match, parameters: { [match]: 1 } }))
      const pipeline = { id: 'ridge@1', parameters: {} }
      expect(Object.keys(parametersOf({ pipeline, overrides }, keyValues))).toEqual(
        overrides.map(o => o.match).filter(match => matchesPattern(match, keyValues)),
      )
    }),
  )
})
