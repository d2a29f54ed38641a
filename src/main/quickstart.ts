import { fileURLToPath } from 'node:url'
import { systemClock } from '../base/clock.ts'
import { defaultPort, type QuickstartOptions, runCli, type Terminal } from '../cli/index.ts'
import { unfinishedRuns } from '../store/index.ts'
import { readConfig } from './config.ts'
import { PeakMemory } from './memory.ts'
import { type QuickstartSummary, type Stage, summarise } from './quickstart-summary.ts'
import { callsToTry, summaryLines } from './quickstart-text.ts'
import { interruption, type StartOptions } from './stay-up.ts'
import { type Server, startServer } from './up.ts'

/** The example that a newcomer meets: three million flights. */
const exampleFolder = fileURLToPath(new URL('../../examples/flights', import.meta.url))
const blueprints = ['route-delay', 'route-late']
const lookEveryMs = 200

/** `npm start`: the whole loop on real data, then a server that answers for every model of it. */
export async function quickstart(options: StartOptions & QuickstartOptions): Promise<number> {
  const { terminal, port, cores, json, once } = options
  const say = (line: string): void => void terminal.stderr.write(`${line}\n`)
  const config = readConfig(
    { MUSTER_HOME: `${terminal.cwd}/.muster`, ...withoutEmpty(terminal.env) },
    exampleFolder,
    { port, cores },
  )
  const startedMs = systemClock.monotonicMs()
  const since = systemClock.now()
  say(`Starting: database and workers in ${config.home}`)
  await using server = await startServer(config)
  using memory = new PeakMemory(() => server.pids)
  const startSeconds = (systemClock.monotonicMs() - startedMs) / 1_000

  const code = await applyExample(terminal, server)
  if (code !== 0) return code
  if (!(await untilDone(server, terminal.signal))) return 130
  const summary = await summarise(server.store, blueprints, {
    seconds: Math.round(systemClock.monotonicMs() - startedMs) / 1_000,
    before: [stage('start', startSeconds)],
    since,
    peakRssBytes: memory.peakBytes,
  })
  if (once) {
    tell(terminal, summary, json)
    return wasMade(summary) ? 0 : 1
  }
  tell(terminal, summary, json)
  for (const line of callsToTry(server.url, port === defaultPort)) say(line)
  await interruption(terminal.signal)
  return 0
}

/** As a user would: `muster apply` in the folder of the example, with its own progress. */
async function applyExample(terminal: Terminal, server: Server): Promise<number> {
  const quiet = { write: () => true }
  return runCli(['apply', '--server', server.url], {
    ...terminal,
    stdout: quiet,
    cwd: exampleFolder,
  })
}

/**
 * Runs of an earlier start that was cut off after its plan was adopted: they go on by themselves.
 */
async function untilDone(server: Server, signal: AbortSignal): Promise<boolean> {
  while ((await unfinishedRuns(server.store)).length > 0) {
    if (signal.aborted) return false
    await new Promise(resolve => setTimeout(resolve, lookEveryMs))
  }
  return true
}

function stage(name: string, seconds: number): Stage {
  return { name, seconds: Math.round(seconds * 1_000) / 1_000 }
}

function wasMade(summary: QuickstartSummary): boolean {
  return summary.blueprints.length === blueprints.length
}

function tell(terminal: Terminal, summary: QuickstartSummary, json: boolean): void {
  if (json) terminal.stdout.write(`${JSON.stringify(summary)}\n`)
  else for (const line of summaryLines(summary)) terminal.stdout.write(`${line}\n`)
}

/** An empty variable is one that was not set. */
function withoutEmpty(
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value))
}
