import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { say } from '../../test/control/terminal.ts'
import { digestOf } from '../base/digest.ts'
import { readFleet } from '../spec/index.ts'
import { salesCsv, starterYaml } from './starter-fleet.ts'

test('the declarations are valid, and about forty lines', () => {
  const text = starterYaml('shop')
  expect(readFleet([{ path: 'muster.yaml', text }]).problems).toEqual([])
  expect(text.split('\n').length).toBeLessThanOrEqual(45)
})

test('everybody gets the same data: a row a day, product and shop', () => {
  const lines = salesCsv().trimEnd().split('\n')
  expect(lines[0]).toBe('day,shop,product,price,promotion,units')
  expect(lines).toHaveLength(1 + 731 * 12 * 3)
  expect(lines.at(-1)).toMatch(/^2024-12-31,lyon,juice,\d\.\d\d,[01],\d+$/)
  expect(digestOf(salesCsv())).toBe(digestOf(salesCsv(7)))
  expect(digestOf(salesCsv())).toMatchInlineSnapshot(
    `"sha256:ccda52761ad6fd883128d737bc523221db5dce181f3ce3ae84fbaad612d2cfa1"`,
  )
})

test('init writes once, and overwrites nothing', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'muster-init-'))
  const first = await say(['init', 'My Shop!'], { cwd })
  expect([first.code, first.out]).toEqual([0, ''])
  expect(first.err).toContain(
    "Next: cd 'My Shop!' && muster up\nThen, in another terminal: cd 'My Shop!' && muster plan\n",
  )
  expect(readdirSync(join(cwd, 'My Shop!'))).toEqual(['muster.yaml', 'sales.csv'])
  expect(readFileSync(join(cwd, 'My Shop!', 'muster.yaml'), 'utf8')).toContain('fleet: my-shop\n')
  expect((await say(['validate', 'My Shop!'], { cwd })).code).toBe(0)

  const again = await say(['init', 'My Shop!'], { cwd })
  expect([again.code, again.err.split('\n')[0]]).toEqual([
    2,
    'muster: My Shop!/muster.yaml exists already',
  ])
  writeFileSync(join(cwd, 'sales.csv'), 'mine')
  expect((await say(['init'], { cwd })).code).toBe(2)
  expect(readFileSync(join(cwd, 'sales.csv'), 'utf8')).toBe('mine')
  expect(readdirSync(cwd)).not.toContain('muster.yaml')
})

test('schema prints a JSON Schema, or writes it', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'muster-schema-'))
  const { code, out } = await say(['schema'], { cwd })
  expect([code, JSON.parse(out).$schema]).toEqual([0, expect.stringContaining('json-schema.org')])
  expect((await say(['schema', '--out', '.muster/schema.json'], { cwd })).code).toBe(0)
  expect(JSON.parse(readFileSync(join(cwd, '.muster/schema.json'), 'utf8'))).toEqual(
    JSON.parse(out),
  )
})
