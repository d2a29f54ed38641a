import { expect, test } from 'vitest'
import { groupCount, levelGroups, rowStarts } from './tree.ts'

test('every prefix of the key is a level of contiguous leaves', () => {
  const keys = [
    ['a', 'a', 'ab', 'b'],
    ['b', 'x', '', 'x'],
  ]
  const [root, segments, leaves] = levelGroups(keys, 4)
  expect([...root!.leafStart]).toEqual([0, 4])
  expect([...segments!.leafStart]).toEqual([0, 2, 3, 4])
  expect([...segments!.ofLeaf]).toEqual([0, 0, 1, 2])
  expect(groupCount(leaves!)).toBe(4)
  expect(root!.find([])).toBe(0)
  expect(segments!.find(['ab'])).toBe(1)
  expect(leaves!.find(['a', 'b'])).toBe(0)
  expect(leaves!.find(['ab', ''])).toBe(2)
  expect(leaves!.find(['b', 'b'])).toBeUndefined()
})

test('equal values under different prefixes are different groups', () => {
  const leaves = levelGroups(
    [
      ['a', 'b'],
      ['x', 'x'],
      ['1', '1'],
    ],
    2,
  )
  expect([...leaves[2]!.leafStart]).toEqual([0, 1, 2])
})

test('a frame without rows has no groups', () => {
  const [root] = levelGroups([[]], 0)
  expect(groupCount(root!)).toBe(0)
  expect([...rowStarts([3, 0, 2])]).toEqual([0, 3, 3, 5])
})
