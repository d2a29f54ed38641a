/*
 * PERFORMANCE.md F3: how the historical join grows with the feature rows. The same spine asks
 * tables of once and of ten times as many rows, from our own partitions and by polars.
 *
 *   node bench/features/scaling.ts [--spine 1000000] [--rows 10000000] [--factor 10]
 *     [--entities 100000] [--rounds 3] [--sides ours-store,polars]
 *
 * A process for each side and size; each joins once a round, the small and the large one after the
 * other, and their ratio is what is told. Before any clock, all sides have as many values that are
 * not missing, and the same sums of them. Peaks are of the whole process: of ours with the building
 * of its partitions, which other processes do in production.
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
    factor: { type: 'string', default: '10' },
    entities: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '3' },
    sides: { type: 'string', default: 'ours-store,polars' },
  },
})
const views = 3
const factors = [1, Number(values.factor)]

interface Sized {
  readonly name: string
  /** By factor. */
  readonly sides: readonly Side[]
  readonly runs: Ran[][]
}

const before = conditions()
const scratch = mkdtempSync(join(tmpdir(), 'muster-scaling-'))
try {
  for (const factor of factors) await generate(folderOf(factor), shapeOf(factor))
  const all: Sized[] = []
  for (const name of values.sides.split(',')) {
    const sized = await start(name)
    if (sized !== undefined) all.push(sized)
  }
  await check(all)
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const { name, sides, runs } of all) {
      for (const [at, side] of sides.entries()) {
        const ran = await side.run()
        if (ran === undefined) throw new Error(`${name}: no answer: ${side.lastWords}`)
        runs[at]!.push(ran)
      }
    }
  }
  const results = []
  for (const sized of all) results.push([sized.name, await report(sized)])
  tell('features/scaling', before, {
    shape: shapeOf(1),
    factor: factors[1],
    ...Object.fromEntries(results),
  })
  for (const { sides } of all) for (const side of sides) await side[Symbol.asyncDispose]()
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

function folderOf(factor: number): string {
  return join(scratch, `x${factor}`)
}

function shapeOf(factor: number): Shape {
  return {
    spineRows: Number(values.spine),
    featureRows: Number(values.rows) * factor,
    entities: Number(values.entities),
    views,
    skew: 'uniform',
  }
}

async function start(name: string): Promise<Sized | undefined> {
  const sides: Side[] = []
  for (const factor of factors) {
    const words = [folderOf(factor), `${views}`]
    if (name.startsWith('ours-')) {
      const script = fileURLToPath(new URL('ours.ts', import.meta.url))
      const how = name.slice('ours-'.length)
      sides.push(await Side.start(name, process.execPath, [script, how, ...words]))
      continue
    }
    const python = feastPython()
    if ('missing' in python) {
      console.log(`${name}: not measured: ${python.missing}`)
      return undefined
    }
    const script = fileURLToPath(new URL('../peers/features/historical.py', import.meta.url))
    sides.push(await Side.start(name, python.python, [script, name, ...words]))
  }
  return { name, sides, runs: factors.map(() => []) }
}

/** Also the warm-up. Throws unless all have found the same. */
async function check(all: readonly Sized[]): Promise<void> {
  for (const [at, factor] of factors.entries()) {
    let expected: string | undefined
    for (const { name, sides } of all) {
      const side = sides[at]!
      if ((await side.run()) === undefined) throw new Error(`${name}: ${side.lastWords}`)
      const path = join(scratch, `${name}-${factor}.parquet`)
      await side.write(path)
      const found = await sums(path)
      rmSync(path)
      expected ??= found
      if (found !== expected) throw new Error(`${name} x${factor}: ${found}, not ${expected}`)
    }
    console.log(`x${factor}: ${all.map(({ name }) => name).join(', ')} have found the same`)
  }
}

/** Of each column: values, and their sum as float32 in thousandths, which no order changes. */
async function sums(path: string): Promise<string> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' })
  const connection = await instance.connect()
  const columns = Array.from({ length: views }, (_, v) => ['a', 'b', 'c'].map(n => `${n}${v}`))
  const select = columns
    .flat()
    .map(c => `count(${c})::varchar, sum(round(${c}::float * 1000)::bigint)::varchar`)
  const reader = await connection.runAndReadAll(
    `select ${select.join(', ')} from read_parquet('${path}')`,
  )
  const found = reader.getRows()[0]!.join(' ')
  connection.closeSync()
  instance.closeSync()
  return found
}

async function report({ name, sides, runs }: Sized) {
  const ms = runs.map(own => spread(own.map(run => run.wallMs)))
  const cpu = runs.map(own => spread(own.map(run => run.cpuSeconds)))
  const peakRssMb: number[] = []
  for (const side of sides) peakRssMb.push(Math.round(await side.peakRssMb()))
  const [small, large] = runs
  const ratio = interval(large!.map((run, at) => run.wallMs / small![at]!.wallMs))
  const cpuRatio = interval(large!.map((run, at) => run.cpuSeconds / small![at]!.cpuSeconds))
  console.log(`${name}: x${factors[1]} rows take ${intervalText(ratio)} times as long`)
  console.log(`  by processor time ${intervalText(cpuRatio)}`)
  for (const [at, factor] of factors.entries()) {
    console.log(`  x${factor}: ${spreadText(ms[at]!, 'ms')}, peak ${peakRssMb[at]} MB`)
  }
  return { ratio, cpuRatio, ms, cpuSeconds: cpu, peakRssMb }
}
