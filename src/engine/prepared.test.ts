import { expect, test } from 'vitest'
import { SeededRandom } from '../base/random.ts'
import { openEngine } from './engine.ts'
import { type ListParameter, type ListType, listsSql } from './prepared.ts'

const random = new SeededRandom(17)
const whole = (most: number) => Math.floor(random.unit() * most)

/** Of any bits: the least, the greatest, no number. */
function someDouble(): number {
  const bits = new Uint32Array([random.uint32(), random.uint32()])
  return new Float64Array(bits.buffer)[0]!
}

const pieces = [
  '',
  'a',
  '\0',
  '\x1f',
  '\x1e',
  '\x1d',
  '\ue000',
  '\u0301',
  '👩‍🚀',
  '-',
  "'",
  '$1',
  'é',
]
const someText = () => Array.from({ length: whole(4) }, () => pieces[whole(pieces.length)]).join('')

const made: Readonly<Record<ListType, () => string | number | boolean>> = {
  DOUBLE: () => [someDouble(), -0, 0.1 + 0.2, Number.NaN, -1 / 0, whole(100)][whole(6)]!,
  BIGINT: () => ['9223372036854775807', '-9223372036854775808', whole(2 ** 31)][whole(3)]!,
  BOOLEAN: () => whole(2) === 0,
  VARCHAR: someText,
}
const types = Object.keys(made) as readonly ListType[]

test('every value of a list is the value of its row, to the bit', async () => {
  await using engine = await openEngine({ allowedPaths: [], threads: 1 })
  const lists = listsSql(types.map((type, at) => ({ name: `c${at}`, type })))
  const names = types.map((type, at) =>
    type === 'DOUBLE' ? `c${at}, c${at} is null` : `cast(c${at} as varchar), c${at} is null`,
  )
  const select = await engine.prepare(`select ${names.join(', ')} from (${lists})`)
  for (let round = 0; round < 200; round++) {
    const rows = whole(4) === 0 ? whole(3) : whole(60)
    const given: readonly ListParameter[] = types.map(type =>
      Array.from({ length: rows }, () => (whole(5) === 0 ? null : made[type]())),
    )
    const found = await select.run(given)
    for (const [at, type] of types.entries()) {
      const missing = Array.from(found[2 * at + 1]!)
      const values = Array.from(found[2 * at]!, (value, row) => (missing[row] ? null : value))
      const expected = given[at]!.map(value =>
        value === null || type === 'DOUBLE' ? value : String(value),
      )
      expect(values).toStrictEqual(expected)
    }
  }
})
