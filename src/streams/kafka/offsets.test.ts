import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Offsets } from './offsets.ts'

test('what is committed never passes a message that is not done, and comes to the end', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([...Array(40).keys()], { minLength: 1 }), order => {
      const places = [...order]
        .sort((a, b) => a - b)
        .map(n => ({ topic: 't', partition: n % 2, offset: BigInt(3 * n) }))
      const offsets = new Offsets()
      for (const place of places) offsets.taken(place)
      const done = new Set<bigint>()
      let last: Record<number, bigint> = {}
      for (const n of order) {
        const offset = BigInt(3 * n)
        done.add(offset)
        for (const told of offsets.done([{ topic: 't', partition: n % 2, offset }])) {
          const before = places.filter(
            one => one.partition === told.partition && one.offset < told.offset,
          )
          expect(before.every(one => done.has(one.offset))).toBe(true)
          last = { ...last, [told.partition]: told.offset }
        }
      }
      for (const partition of [0, 1]) {
        const end = places.filter(one => one.partition === partition).at(-1)
        expect(last[partition]).toBe(end && end.offset + 1n)
      }
    }),
  )
})
