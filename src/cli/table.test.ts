import { expect, test } from 'vitest'
import { type Column, tableLines } from './table.ts'

const columns: readonly Column[] = [
  { head: 'name', elastic: true },
  { head: 'state' },
  { head: 'rows', align: 'right' },
]
const rows = [
  ['route-late.ATL.LGA', 'serving', '5,012'],
  ['route-late.BOS.a-destination-with-a-long-name', '■ failed', '110'],
]

test('a wide terminal shows everything, aligned', () => {
  const { head, lines } = tableLines(columns, rows, 100)
  expect([head, ...lines].join('\n')).toMatchInlineSnapshot(`
    "name                                           state      rows
    route-late.ATL.LGA                             serving   5,012
    route-late.BOS.a-destination-with-a-long-name  ■ failed    110"
  `)
})

test('a narrow one cuts elastic columns, and no others', () => {
  const { lines } = tableLines(columns, rows, 40)
  expect(lines.join('\n')).toMatchInlineSnapshot(`
    "route-late.ATL.LGA       serving   5,012
    route-late.BOS.a-desti…  ■ failed    110"
  `)
  expect(lines.every(line => line.length <= 40)).toBe(true)
})

test('a last column that would say nothing is left out, on a terminal only', () => {
  const sentence = 'better by 0.019 (95% interval 0.011 to 0.027)'
  const wider = [...columns, { head: 'because', elastic: true, atLeast: 30 }]
  const told = rows.map(row => [...row, sentence])
  expect(tableLines(wider, told, 100).lines[0]).toContain('better by 0.019 (95% interval')
  expect(tableLines(wider, told, 80)).toEqual(tableLines(columns, rows, 80))
  expect(tableLines(wider, told, undefined).lines[0]).toContain(sentence)
})

test('a pipe gets full values, tabs and no head', () => {
  const { head, lines } = tableLines(columns, rows, undefined)
  expect(head).toBeUndefined()
  expect(lines[1]).toBe('route-late.BOS.a-destination-with-a-long-name\t■ failed\t110')
})
