import { expect, test } from 'vitest'
import { readFleet } from './read-fleet.ts'
import { renderProblems } from './render-problems.ts'
import { sampleFleet } from './sample-fleet.ts'

/* Transforms as people declare them, and what they are told. */

const distance = 'distance: { sql: distance,       transform: standard }'

function read(feature: string, more = '') {
  const text = sampleFleet
    .replace(distance, feature)
    .replace('kind: FeatureView\n', `kind: FeatureView\n${more}`)
  const files = [{ path: 'muster.yaml', text }]
  const { spec, problems } = readFleet(files)
  return { view: spec?.views.get('two-hours-before@1'), told: renderProblems(problems, files, {}) }
}

test('text and number, each with steps of its own', () => {
  const { view, told } = read(
    'distance: { sql: distance, type: category, transform: [impute(most_frequent), target(20)] }',
    'crosses: [[hour, distance]]\nfitPer: member\n',
  )
  expect(told).toContain('0 errors')
  expect(view?.features[2]).toMatchObject({
    type: 'category',
    transform: [
      { kind: 'impute', with: 'most_frequent' },
      { kind: 'target', smoothing: 20, most: 100 },
    ],
  })
  expect(view).toMatchObject({ crosses: [['hour', 'distance']], fitPer: 'member' })
})

test.each([
  ['{ transform: [onehot(5), standard] }', 'remove `standard`, or put it first'],
  ['{ transform: [standard, buckets(4)] }', 'remove `standard`, or put `buckets` first'],
  ['{ transform: onehot }', 'write onehot(<most>), most from 1 to 1000'],
  ['{ transform: onehott(5) }', 'use `onehot`'],
  ['{ transform: [impute(mean, indicator), standard] }', 'quotes: "impute(mean, indicator)"'],
  ['{ transform: [log, clip(-5, 5)] }', 'write it in quotes: "clip(-5, 5)"'],
  ['{ type: category }', 'add onehot(20), ordinal(-1) or target(20) to its transforms'],
  ['{ type: category, transform: standard }', 'put onehot, ordinal or target first'],
  ['{ type: category, transform: [impute(0), onehot(3)] }', 'write impute(most_frequent)'],
])('%s: %s', (feature, cure) => {
  expect(read(`distance: ${feature}`).told).toContain(cure)
})

test('a view that asks too much of every member is refused', () => {
  const wide = 'distance: { transform: onehot(1000) }'
  const { told } = read(wide, 'crosses: [[distance, hour]]\n')
  expect(told).toContain('makes 3011 columns')
  expect(told).toContain('keep to 2000 and 10000')
})
