import { expect, test } from 'vitest'
import { aFleet, aGroup, aSource, aView, aWindow } from '../engine/small-data.fixture.ts'
import { findView, readFeatureName, readOwner } from './vector-owners.ts'

const group = aGroup([aWindow(['station'], 'mean', { kind: 'rows', rows: 5 })], { name: 'docks' })
const views = [1, 2, 10].map(version =>
  aView({ hour: 'hour(at)' }, group, { name: 'demand', version, id: `demand@${version}` }),
)
const spec = aFleet(aSource('trips.parquet'), [group], views, [])

test('a view by its version, in our spelling and in Feast’s, or by its newest', () => {
  for (const [text, id] of [
    ['demand@2', 'demand@2'],
    ['demand@v2', 'demand@2'],
    ['demand', 'demand@10'],
    ['demand@latest', 'demand@10'],
    ['demand@3', undefined],
    ['demand@', undefined],
    ['@1', undefined],
  ] as const) {
    expect([text, findView(text, spec)?.id]).toEqual([text, id])
  }
})

test('features of views and groups, and the nearest of what there is not', () => {
  const read = (text: string) => {
    const { owner, feature } = readFeatureName(text, spec)
    return `${owner.view.id} ${feature}`
  }
  expect(read('demand@1:docks.station_value_mean_5rows')).toBe(
    'demand@1 docks.station_value_mean_5rows',
  )
  expect(read('docks:station_value_mean_5rows')).toBe('docks station_value_mean_5rows')
  expect(read('docks.station_value_mean_5rows')).toBe('docks station_value_mean_5rows')
  const refused = (text: string) => {
    try {
      return read(text)
    } catch (error) {
      return `${(error as Error).message}; ${(error as { hint: string }).hint}`
    }
  }
  expect(refused('demand:houre')).toBe('`demand@10` has no feature `houre`; nearest: hour')
  expect(refused('dock:x')).toMatch(/no feature view or group `dock`; nearest: docks/)
  for (const text of ['', ':', 'x', ':hour']) {
    expect(refused(text)).toMatch(/does not say whose feature it is; name the view or group/)
  }
  expect(refused('demand:')).toMatch(/^`demand@10` has no feature/)
  expect(readOwner('docks', spec)).toMatchObject({ name: 'docks', version: undefined })
})
