/*
 * PERFORMANCE.md F1, F2, F3: the historical join. A spine asks several feature tables for the
 * newest row of each entity as of its time, 30 days at most, against Feast's file and DuckDB
 * stores, bare DuckDB and polars, on the same Parquet files.
 *
 *   node bench/features/historical.ts [--spine 1000000] [--rows 10000000] [--entities 100000]
 *     [--skew uniform|zipf] [--rounds 5] [--sides ours-files,ours-store,duckdb,...]
 *
 * Every side is a process of its own and joins once a round, in turn, into Arrow tables in that
 * process. Before any clock, results are compared row by row: equal to those of bare DuckDB, as
 * float32. Ours ends with the frame on disk, digested and durable; the peers' results stay in
 * memory. `ours-store` reads partitions as an append writes them; what that took is `buildMs`. The
 * first join of ours reads the rows, the second one keeps them in order, and later ones, which are
 * timed, find them: `firstMs` and `secondMs` tell those. `overTen` is a join with its share of all
 * that, where ten are made.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { DuckDBInstance } from '@duckdb/node-api'
import { conditions, tell } from '../conditions.ts'
import { feastPython } from '../peers/python.ts'
import { interval, intervalText, spread, spreadText } from '../ratio.ts'
import { generate, type Shape } from './generate.ts'
import { type Ran, Side } from './sides.ts'

const { values } = parseArgs({
  options: {
    spine: { type: 'string', default: '1000000' },
    rows: { type: 'string', default: '10000000' },
    entities: { type: 'string', default: '100000' },
    skew: { type: 'string', default: 'uniform' },
    rounds: { type: 'string', default: '5' },
    sides: { type: 'string', default: 'ours-files,ours-store,duckdb,duckdb-memory,polars' },
  },
})
const shape: Shape = {
  spineRows: Number(values.spine),
  featureRows: Number(values.rows),
  entities: Number(values.entities),
  views: 3,
  skew: values.skew === 'zipf' ? 'zipf' : 'uniform',
}
const reference = 'duckdb'
const names = [...new Set([reference, ...values.sides.split(',')])]

/** What the joins took that came before those that are timed. */
const early = new Map<string, readonly number[]>()
const before = conditions()
const folder = mkdtempSync(join(tmpdir(), 'muster-join-'))
try {
  await generate(folder, shape)
  const sides = await startAll()
  const checked = await compare(sides)
  const runs = await time(sides)
  report(sides, runs, checked, await peaks(sides))
  for (const side of sides) await side[Symbol.asyncDispose]()
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function startAll(): Promise<Side[]> {
  const python = feastPython()
  const sides: Side[] = []
  for (const name of names) {
    const views = String(shape.views)
    if (name.startsWith('ours-')) {
      const script = fileURLToPath(new URL('ours.ts', import.meta.url))
      const how = name.slice('ours-'.length)
      sides.push(await Side.start(name, process.execPath, [script, how, folder, views]))
    } else if ('missing' in python) {
      console.log(`${name}: not measured: ${python.missing}`)
    } else {
      const script = fileURLToPath(new URL('../peers/features/historical.py', import.meta.url))
      sides.push(await Side.start(name, python.python, [script, name, folder, views]))
    }
  }
  return sides
}

/** Rows that differ from the reference's, or that are not there, by side. Also the warm-up. */
async function compare(sides: readonly Side[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  const expected = join(folder, 'expected.parquet')
  for (const side of [...sides].sort(a => (a.name === reference ? -1 : 0))) {
    const ran = await side.run()
    if (!ran) {
      found.set(side.name, `no answer: ${side.lastWords || 'killed after 300 s'}`)
      continue
    }
    const second = side.name.startsWith('ours-') ? await side.run() : undefined
    early.set(side.name, [ran.wallMs, ...(second ? [second.wallMs] : [])])
    const path = side.name === reference ? expected : join(folder, `${side.name}.parquet`)
    await side.write(path)
    const differing = side.name === reference ? 0 : await differences(expected, path)
    found.set(side.name, `${differing} of ${shape.spineRows} rows differ`)
    console.log(`${side.name}: ${found.get(side.name)}`)
  }
  return found
}

async function differences(expected: string, path: string): Promise<number> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' })
  const connection = await instance.connect()
  const columns = Array.from({ length: shape.views }, (_, v) =>
    ['a', 'b', 'c'].map(n => `${n}${v}`),
  )
  const same = columns.flat().map(c => `o.${c}::float is not distinct from e.${c}::float`)
  const reader = await connection.runAndReadAll(
    `select count(*) filter (o.rid is null or not (${same.join(' and ')}))::double as differing
     from read_parquet('${expected}') e left join read_parquet('${path}') o on e.rid = o.rid`,
  )
  const differing = Number(reader.getRows()[0]![0])
  connection.closeSync()
  instance.closeSync()
  return differing
}

async function time(sides: readonly Side[]): Promise<ReadonlyMap<string, Ran[]>> {
  const runs = new Map<string, Ran[]>(sides.map(side => [side.name, []]))
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const side of sides) {
      const ran = await side.run()
      if (ran) runs.get(side.name)!.push(ran)
    }
  }
  return runs
}

async function peaks(sides: readonly Side[]): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>()
  for (const side of sides) found.set(side.name, Math.round(await side.peakRssMb()))
  return found
}

function report(
  sides: readonly Side[],
  runs: ReadonlyMap<string, Ran[]>,
  checked: ReadonlyMap<string, string>,
  peakRssMb: ReadonlyMap<string, number>,
): void {
  const result: Record<string, unknown> = {}
  for (const [name, own] of runs) {
    const check = checked.get(name) ?? 'not compared'
    if (own.length === 0) {
      console.log(`${name.padEnd(14)} ${check}`)
      result[name] = { check }
      continue
    }
    const ms = spread(own.map(run => run.wallMs))
    const cpu = spread(own.map(run => run.cpuSeconds))
    console.log(
      `${name.padEnd(14)} ${spreadText(ms, 'ms')}  cpu ${cpu.median} s  ` +
        `peak ${peakRssMb.get(name)} MB  ${check}`,
    )
    const buildMs = sides.find(side => side.name === name)?.buildMs ?? 0
    const [firstMs = 0, secondMs] = early.get(name) ?? []
    const once = [firstMs, secondMs ?? firstMs].map(spent => spent - ms.median)
    const overTen = ms.median + (buildMs + once.reduce((sum, more) => sum + more, 0)) / 10
    if (name.startsWith('ours-')) {
      const told = [buildMs, firstMs, secondMs ?? firstMs, overTen].map(value => value.toFixed(0))
      console.log(
        `  partitions ${told[0]}, first ${told[1]}, second ${told[2]}, over ten ${told[3]} ms`,
      )
    }
    const peak = peakRssMb.get(name)
    result[name] = {
      ms,
      cpuSeconds: cpu,
      peakRssMb: peak,
      check,
      buildMs,
      firstMs,
      secondMs,
      overTen,
    }
  }
  Object.assign(result, ratios(runs))
  tell('features/historical', before, { shape, ...result })
}

/** Of the rounds that lie side by side. */
function ratios(runs: ReadonlyMap<string, Ran[]>): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  for (const ours of ['ours-files', 'ours-store']) {
    for (const [name, theirs] of runs) {
      const own = runs.get(ours) ?? []
      const pairs = Math.min(own.length, theirs.length)
      if (name.startsWith('ours-') || pairs === 0) continue
      const ratio = interval(
        Array.from({ length: pairs }, (_, i) => theirs[i]!.wallMs / own[i]!.wallMs),
      )
      console.log(`${name} / ${ours}: ${intervalText(ratio)}`)
      const ofCpu = interval(
        Array.from({ length: pairs }, (_, i) => theirs[i]!.cpuSeconds / own[i]!.cpuSeconds),
      )
      console.log(`  by processor time: ${intervalText(ofCpu)}`)
      result[`${name} / ${ours}`] = { time: ratio, cpu: ofCpu }
    }
  }
  return result
}
