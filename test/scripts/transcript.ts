import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { systemClock } from '../../src/base/clock.ts'
import { runCli } from '../../src/cli/index.ts'

/*
 * A script of commands, and the text that a person would see: what was typed, standard output and
 * standard error as they came. `muster` runs in this process against a real server; everything else
 * is the shell's.
 */

export interface ScriptAt {
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
  /** Resolves when the server answers by the routes that are recorded, which takes it a moment. */
  routed(): Promise<void>
}

export async function transcript(script: string, at: ScriptAt): Promise<string> {
  let cwd = at.folder
  const said: string[] = []
  for (const line of script.split('\n')) {
    const typed = line.startsWith('$ ') ? line.slice(2) : undefined
    said.push(line)
    if (typed === undefined) continue
    if (typed.startsWith('cd ')) cwd = resolve(cwd, typed.slice(3))
    else if (typed.startsWith('muster ')) {
      said.push(...(await muster(typed, cwd, at.env)))
      if (typed.startsWith('muster apply')) await at.routed()
    } else said.push(...(await shell(typed, cwd)))
    said.push('')
  }
  return `${stable(said.join('\n'))
    .replace(/\n{3,}/g, '\n\n')
    .trimEnd()}\n`
}

async function muster(typed: string, cwd: string, env: ScriptAt['env']): Promise<string[]> {
  let text = ''
  const write = (piece: string): void => {
    text += piece
  }
  const code = await runCli(typed.split(' ').slice(1), {
    stdout: { write },
    stderr: { write },
    stdin: noInput(),
    stdoutIsTTY: true,
    stderrIsTTY: true,
    columns: 100,
    cwd,
    env: { ...env, MUSTER_PLAIN: '1' },
    signal: new AbortController().signal,
    clock: systemClock,
    version: '0.1.0',
    start: { up: async () => 1, quickstart: async () => 1 },
  })
  return [...runByRun(text.trimEnd().split('\n')), ...(code === 0 ? [] : [`[exit ${code}]`])]
}

async function* noInput(): AsyncGenerator<string> {}

/** Not synchronous: the server is in this process, and must go on meanwhile. */
async function shell(typed: string, cwd: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('sh', ['-c', typed], { cwd })
  return stdout === '' ? [] : stdout.trimEnd().split('\n')
}

/**
 * Runs that are followed side by side, one after the other, each with its start first: a stream
 * that opens late tells the stages that are done before it tells that the run started.
 */
function runByRun(lines: readonly string[]): string[] {
  const first = lines.findIndex(line => /^run r-\d+/.test(line))
  const last = lines.findLastIndex(line => /^run r-\d+/.test(line))
  const end = lines.findIndex((line, i) => i > last && !line.startsWith(' '))
  if (first < 0 || end < 0) return [...lines]
  const runs = new Map<string, string[]>()
  let run: string[] = []
  for (const line of lines.slice(first, end)) {
    const id = /^run (r-\d+)/.exec(line)?.[1]
    if (id !== undefined) run = runs.get(id) ?? []
    if (id !== undefined) runs.set(id, run)
    if (/ started/.test(line)) run.unshift(line)
    else run.push(line)
  }
  const sorted = [...runs].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, own]) => own)
  return [...lines.slice(0, first), ...sorted, ...lines.slice(end)]
}

/** What differs between two machines or two moments, as words that do not. */
const today = new Date().toISOString().slice(0, 10)
const unstable: readonly (readonly [RegExp, string])[] = [
  // A time is shorter in the first second of a minute, and the column that it stands in too.
  [new RegExp(`${today} \\d\\d:\\d\\d(:\\d\\d)? {2,}`, 'g'), 'a moment ago  '],
  [new RegExp(`${today} \\d\\d:\\d\\d(:\\d\\d)?( UTC)?`, 'g'), 'a moment ago'],
  [/accepted +commit/g, 'accepted      commit'],
  [/\bat +outcome/g, 'at            outcome'],
  // Rows that arrive carry the time, and with it the bytes that they are stored in.
  [/(snapshot|replaces) [0-9a-f]{6}\b/g, '$1 a1b2c3'],
  [/(c-\d+,) [0-9a-f]{6}\b/g, '$1 a1b2c3'],
  [/^(c-\d+ .*?)0\.\d{3}/gm, '$10.100'],
  [/(\bv\d+ \()[0-9a-f]{6}\)/g, '$1a1b2c3)'],
  [/0\.1\.0\+[0-9a-f]{8}/g, '0.1.0+a1b2c3d4'],
  [/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b( UTC)?/g, 'a moment ago'],
  [/(done in) [\d.]+ s/g, '$1 a moment'],
  [/began +took +because/g, 'began         took     because'],
  [/(a moment ago) +[\d.]+ s +/g, '$1  a while  '],
  [/(under|about) \d+ s\b/g, 'a moment'],
  [/up [\d.]+ s, \d+ MB resident/g, 'up a minute, 300 MB resident'],
  [/127\.0\.0\.1:\d+/g, '127.0.0.1:7077'],
  [/receipt [0-9A-Z]{26}/g, 'receipt 01M8...'],
  [/[\d.,]+ GB free/g, '100 GB free'],
  [/PostgreSQL [\d.]+/g, 'PostgreSQL 18'],
  [/(node +)\d+\.\d+\.\d+/g, '$124'],
]

function stable(text: string): string {
  const kept = text.split('\n').filter(line => !line.startsWith('waiting: '))
  return unstable.reduce((all, [form, word]) => all.replace(form, word), kept.join('\n'))
}
