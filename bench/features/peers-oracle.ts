import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { feastPython, runPeer } from '../peers/python.ts'

/*
 * F5's peers: the worlds of `oracle.ts`, asked of DuckDB's plain ASOF JOIN and of Feast's stores,
 * and how many of their values are not what the oracle says, by kind. Ours must have none, and is
 * asked first. Peers are asked for newest values only: windows they have not.
 *
 *   node bench/features/peers-oracle.ts [--lookups 200000] [--seed 1] [--feast-duckdb 10]
 *     [--feast-file 2]
 *
 * The last two are how many worlds, of a few thousand values each, are asked of Feast's stores.
 */

const { values } = parseArgs({
  options: {
    lookups: { type: 'string', default: '200000' },
    seed: { type: 'string', default: '1' },
    'feast-duckdb': { type: 'string', default: '10' },
    'feast-file': { type: 'string', default: '2' },
  },
})

interface Found {
  readonly worlds: number
  readonly counts: Readonly<Record<string, number>>
  /** Joins that ended with an error, by what it said. */
  readonly failed: Readonly<Record<string, number>>
}

const python = feastPython()
if ('missing' in python) {
  console.error(`not measured: ${python.missing}`)
  process.exit(1)
}
const folder = mkdtempSync(join(tmpdir(), 'muster-worlds-'))
try {
  const oracle = fileURLToPath(new URL('oracle.ts', import.meta.url))
  const ask = ['--lookups', values.lookups, '--seed', values.seed, '--export', folder]
  const ours = spawnSync(process.execPath, [oracle, ...ask], { stdio: 'inherit' })
  if (ours.status !== 0) throw new Error('ours differs from the oracle: no peer is asked')
  const worlds = [values['feast-duckdb'], values['feast-file']]
  const script = 'features/oracle.py'
  const found = runPeer<Record<string, Found>>(python.python, script, folder, ...worlds)
  for (const [side, one] of Object.entries(found)) tellOf(side, one)
  console.log(JSON.stringify({ v: 1, bench: 'features/peers-oracle', ...found }))
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function tellOf(side: string, { worlds, counts, failed }: Found): void {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0)
  const wrong = all - (counts.right ?? 0)
  const share = ((100 * wrong) / all).toFixed(1)
  console.log(
    `${side}: ${wrong.toLocaleString('en')} of ${all.toLocaleString('en')} values are not right ` +
      `(${share}%), ${worlds} worlds`,
  )
  for (const [kind, count] of Object.entries(counts).sort((a, b) => b[1] - a[1])) {
    if (kind !== 'right') console.log(`  ${count.toLocaleString('en').padStart(9)}  ${kind}`)
  }
  for (const [what, joins] of Object.entries(failed))
    console.log(`  ${joins} joins failed: ${what}`)
}
