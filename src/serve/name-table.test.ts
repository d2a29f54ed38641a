import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NameTable } from './name-table.ts'

const part = fc.stringMatching(/^[A-Za-z0-9_~-]{1,4}$/)
const tails = fc.uniqueArray(
  fc.oneof(
    part,
    fc.tuple(part, part).map(parts => parts.join('.')),
  ),
)

test('finds exactly the names that are in it, at their place in the order', () => {
  fc.assert(
    fc.property(tails, tails, (inside, others) => {
      const names = ['bp', ...inside.map(tail => `bp.${tail}`)].sort((a, b) => (a < b ? -1 : 1))
      const table = new NameTable('bp', names)
      for (const [i, name] of names.entries()) {
        expect(table.find(name)).toBe(i)
        expect(table.nameAt(i)).toBe(name)
      }
      for (const tail of others) expect(table.find(`bp.${tail}`)).toBe(names.indexOf(`bp.${tail}`))
    }),
  )
})

test('a million names cost their tails and four bytes each', () => {
  const names = Array.from({ length: 1_000 }, (_, i) => `bp.k${String(i).padStart(6, '0')}`)
  expect(new NameTable('bp', names).bytes).toBe(1_000 * ('.k000000'.length + 4) + 4)
})
