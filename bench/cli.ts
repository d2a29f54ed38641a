/*
 * How long a person waits for the command line: medians of 11 calls, each a new process with its
 * output in a pipe. Budgets are of EXPERIENCE.md.
 *
 *   node bench/cli.ts [STATE_FOLDER]
 *
 * The state folder is one that a quick start left behind; without it, one is made first (a minute).
 * `own` is the time beyond a bare Node that runs an empty file: what is ours to make faster.
 */
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { freePort, interrupt, killGroup, launch, ready, run } from '../test/e2e/program.ts'
import { conditions, tell } from './conditions.ts'
import { round, type Spread, spread, spreadText } from './ratio.ts'

const calls = 11
const documents = 1_000
const root = fileURLToPath(new URL('..', import.meta.url))
const door = join(root, 'bin', 'muster.mjs')
const example = join(root, 'examples', 'flights')

interface Timed {
  /** To the first line of standard output, and to the end of the process. */
  readonly firstLineMs: number
  readonly totalMs: number
  readonly stdout: string
}

interface Program {
  readonly node: string
  readonly args: readonly string[]
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** What the call must say for it to count. */
  readonly holds: RegExp
}

function time({ node, args, cwd, env, holds }: Program): Promise<Timed> {
  const started = performance.now()
  const child = spawn(node, args, {
    cwd: cwd ?? root,
    env: { ...process.env, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  let firstLineMs = Number.NaN
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text
    if (Number.isNaN(firstLineMs) && stdout.includes('\n')) {
      firstLineMs = performance.now() - started
    }
  })
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text
  })
  return new Promise((resolve, reject) => {
    child.once('close', code => {
      const totalMs = performance.now() - started
      if (code === 0 && holds.test(stdout + stderr)) resolve({ firstLineMs, totalMs, stdout })
      else reject(new Error(`${args.join(' ')} ended with ${code}:\n${stdout}${stderr}`))
    })
  })
}

interface Row {
  readonly what: string
  readonly total: Spread
  readonly firstLine: Spread | undefined
  readonly budgetMs: number | undefined
}

/** All programs in turn, `calls` rounds after one that warms the page cache. */
async function timeAll(
  programs: readonly (Program & { readonly what: string; readonly budgetMs?: number })[],
): Promise<readonly Row[]> {
  const times = programs.map((): Timed[] => [])
  for (let round = 0; round <= calls; round++) {
    for (const [i, program] of programs.entries()) {
      const timed = await time(program)
      if (round > 0) times[i]!.push(timed)
    }
  }
  return programs.map(({ what, budgetMs }, i) => {
    const first = times[i]!.map(each => each.firstLineMs)
    return {
      what,
      total: spread(times[i]!.map(each => each.totalMs)),
      firstLine: first.some(Number.isNaN) ? undefined : spread(first),
      budgetMs,
    }
  })
}

/** An older Node of this machine, by which the door starts ours; undefined where there is none. */
function otherNode(): string | undefined {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const node = join(folder, 'node')
    if (folder.includes('node_modules') || !existsSync(node)) continue
    const { stdout } = spawnSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' })
    if (Number(stdout.split('.')[0]) < 24) return node
  }
  return undefined
}

/** A fleet of a source, a view and as many blueprints as make `documents`, in files of 100. */
function writeLargeFleet(folder: string): void {
  mkdirSync(folder)
  const texts = [
    'apiVersion: muster/v1\nfleet: large\ndefaults: { owner: network-ops, riskClass: low }\n' +
      'environments: [prod]',
    'kind: Source\nname: flights\nfiles: flights.parquet\neventTime: date',
    'kind: FeatureView\nname: at-once\nversion: 1\nrows: flights\nasOf: date\nfeatures:\n' +
      '  hour: { sql: hour(date), transform: cyclic(24) }\n' +
      '  distance: { transform: standard }',
  ]
  while (texts.length < documents) {
    texts.push(
      `kind: Blueprint\nname: delay-${texts.length}\npurpose: One of very many\n` +
        'key: [origin, destination]\nmembers: { atLeast: 100 }\nview: at-once@1\n' +
        `label: delay > ${texts.length}\npipeline: logistic@1\n` +
        'spans: { train: 2001-01..2001-04, judge: 2001-05, report: 2001-06 }\n' +
        'objectives: { latencyP99Ms: 10 }',
    )
  }
  for (let from = 0; from < texts.length; from += 100) {
    const name = from === 0 ? 'muster.yaml' : `blueprints-${from}.yaml`
    writeFileSync(join(folder, name), `${texts.slice(from, from + 100).join('\n---\n')}\n`)
  }
}

async function finishedState(folder: string): Promise<string> {
  const given = process.argv[2]
  if (given) return given
  console.log('making a state folder by the quick start ...')
  const home = join(folder, 'state')
  const { code, stderr } = await run(['quickstart', '--once', '--json'], {
    home,
    port: await freePort(),
  })
  if (code !== 0) throw new Error(`the quick start ended with ${code}:\n${stderr}`)
  return home
}

function show(rows: readonly Row[]): void {
  for (const { what, total, firstLine, budgetMs } of rows) {
    const first = firstLine ? `first line ${firstLine.median} ms` : 'says nothing'
    const budget = budgetMs === undefined ? '' : `, budget ${budgetMs} ms`
    console.log(`${what.padEnd(34)} ${spreadText(total, 'ms')}, ${first}${budget}`)
  }
}

const before = conditions()
const folder = mkdtempSync(join(tmpdir(), 'muster-bench-cli-'))
// Started by root, PostgreSQL runs as a user of its own, who must get through to its folder.
chmodSync(folder, 0o711)
try {
  const home = await finishedState(folder)
  const empty = join(folder, 'empty.mjs')
  writeFileSync(empty, '')
  writeLargeFleet(join(folder, 'large'))
  const port = await freePort()
  const server = launch(['up'], { home, port, cwd: example })
  const end = () => killGroup(server)
  process.once('exit', end)
  try {
    await ready(port, server)
    const node = process.execPath
    const other = otherNode()
    const env = { MUSTER_PORT: String(port) }
    const rows = await timeAll([
      { what: 'bare Node, an empty file', node, args: [empty], holds: /^$/ },
      {
        what: '--help, by our Node',
        node,
        args: [door, '--help'],
        holds: /quickstart/,
      },
      ...(other
        ? [
            { what: 'bare older Node', node: other, args: [empty], holds: /^$/ },
            {
              what: '--help, by an older Node',
              node: other,
              args: [door, '--help'],
              holds: /quickstart/,
            },
          ]
        : []),
      {
        what: `validate, ${documents} documents`,
        node,
        args: [door, 'validate'],
        cwd: join(folder, 'large'),
        env,
        holds: /10 files, no error/,
        budgetMs: 500,
      },
      {
        what: 'why, of a leaf of the flights',
        node,
        args: [door, 'why', 'route-late.ATL.LGA'],
        env,
        holds: /route-late\.ATL/,
        budgetMs: 300,
      },
      {
        what: 'plan, flights, nothing to do',
        node,
        args: [door, 'plan'],
        cwd: example,
        env,
        holds: /as declared/,
        budgetMs: 1_000,
      },
    ])
    show(rows)
    const bare = rows[0]!.total.median
    const help = rows[1]!.total.median
    console.log(`--help beyond a bare Node ${round(help - bare)} ms, budget 80 ms`)
    tell('cli', before, { calls, documents, rows, helpOwnMs: round(help - bare) })
  } finally {
    await interrupt(server)
    process.removeListener('exit', end)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
