import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openEngine } from '../engine/index.ts'
import { csvHeader, sentFile } from './csv-text.ts'
import { csvFacts } from './file-facts.ts'
import { csvText } from './relation.ts'

/* Every row that a CSV file holds is read, or the file is refused: DuckDB alone would guess. */

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'muster-csv-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

async function read(text: string | Uint8Array): Promise<string | readonly unknown[]> {
  const path = join(folder, 'x.csv')
  writeFileSync(path, text)
  await using engine = await openEngine({ allowedPaths: [path] })
  try {
    const { rows, columns } = await csvFacts(engine, path, 'x.csv', {})
    const names = columns.map(c => c.name)
    const found = await engine.rows<object>(`select * from ${csvText([path], names)}`)
    expect(found).toHaveLength(rows)
    return [names.join(), ...found.map(row => Object.values(row).join())]
  } catch (error) {
    return (error as Error).message
  }
}

test.each([
  ['a, b\n1, 2\n', ['a,b', '1, 2']],
  ['\ufeff"a",b\r\n1,2\r\n', ['a,b', '1,2']],
  [',b\n1,2\n', ['column0,b', '1,2']],
  ['"a,1","b""2"\n1,2\n', ['a,1,b"2', '1,2']],
  ['"a\nq",b\n1,2\n', ['a\nq,b', '1,2']],
  ['a,b\n\n1,"x\ny"\n', ['a,b', '1,x\ny']],
  ['a\n""""\n"""x"\n', ['a', '"', '"x']],
  ['a\n5" pipe\n', ['a', '5" pipe']],
  ['a,b\n1, "x,y"\n', ['a,b', '1,x,y']],
])('%j is read as it stands', async (text, rows) => {
  expect(await read(text)).toEqual(rows)
})

test.each([
  ['\na,b\n1,2\n', 'the first line of `x.csv` is empty'],
  ['# rates\na,b\n1,2\n', 'line 2 of `x.csv` has 2 values, and the header 1 names'],
  ['a,b\n1,2,3\n', 'line 2 of `x.csv` has 3 values, and the header 2 names'],
  ['a,b\n1,2\n3\n', 'line 3 of `x.csv` has 1 values, and the header 2 names'],
  ['a,A\n1,2\n', '`x.csv` has `a` and `A`, which are one name in SQL'],
  ['a,b\n1,2\r\n3,4\n', 'lines of `x.csv` end in several ways'],
  ['a,b\n1,"x"y\n', 'line 2 of `x.csv` has text after a closing quote'],
  [Buffer.from('a\ncaf\xe9\n', 'latin1'), 'line 2 of `x.csv` is not UTF-8'],
  [Buffer.from('\ufeffa,b\n1,2\n', 'utf16le'), 'the first line of `x.csv` is not UTF-8'],
])('%j is refused', async (text, because) => {
  expect(await read(text)).toBe(because)
})

test('a file that was sent without a name is named by no name', async () => {
  const path = join(folder, 'sent.csv')
  writeFileSync(path, '')
  await expect(csvHeader(path, sentFile)).rejects.toThrow(/^the file is empty$/)
})

test.each([0, 1, 2, 3])('a quote that is never closed takes no rows with it (%i)', async shift => {
  const before = `a,b\n${'1,""""\n'.repeat(149_796)}${'x'.repeat(shift)},""\n`
  expect(await read(`${before}3,"4\n${'5,6\n'.repeat(1_000)}`)).toBe(
    '`x.csv`: a quote in line 149799 is never closed',
  )
})
