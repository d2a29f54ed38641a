import { delimiter } from 'node:path'
import { expect, test } from 'vitest'
import { readDataRoots } from './data-roots.ts'

test('roots are parted as in PATH, and absolute', () => {
  expect(readDataRoots(undefined)).toEqual([])
  expect(readDataRoots('')).toEqual([])
  expect(readDataRoots(`/data/a${delimiter}${delimiter}/b/../c/`)).toEqual(['/data/a', '/c/'])
  expect(() => readDataRoots(`/data${delimiter}sales`)).toThrow('`sales` in MUSTER_DATA_ROOTS')
})
