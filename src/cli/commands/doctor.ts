import { access, constants, stat, statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { asMusterError, MusterError } from '../../base/errors.ts'
import { bytesWords } from '../../base/format.ts'
import {
  type Check,
  type ControlClient,
  type FleetSummary,
  freeBytesMin,
} from '../../contract/index.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { pad, printable } from '../text.ts'

const nodeOldestMajor = 24

const ok = (name: string, detail: string): Check => ({ name, ok: true, detail, cure: null })
const fault = (name: string, detail: string, cure: string): Check => ({
  name,
  ok: false,
  detail,
  cure,
})

export const act: Act = async call => {
  const { screen } = call
  const server = await checkServer(call)
  // A server that answers has looked at its own folder, which may be elsewhere.
  const answers = server.some(check => check.name === 'server' && check.ok)
  const state = answers ? [] : await checkState(call)
  const checks = [checkNode(), ...state, ...server]
  const width = Math.max(...checks.map(c => c.name.length))
  for (const check of checks) {
    if (screen.json) screen.object(check)
    else if (screen.width === undefined) {
      screen.data(
        [check.ok ? 'ok' : 'fault', check.name, check.detail, check.cure ?? ''].join('\t'),
      )
    } else {
      const mark = check.ok ? screen.ink.green('✓ ok   ') : screen.ink.red('■ fault')
      screen.data(`${mark}  ${pad(check.name, width)}  ${printable(check.detail)}`)
      if (check.cure) screen.data(`         ${pad('', width)}  ${printable(check.cure)}`)
    }
  }
  const faults = checks.filter(check => !check.ok).length
  if (!screen.json) screen.say(faults === 0 ? 'Nothing is at fault.' : `${faults} at fault.`)
  return faults === 0 ? exitCodes.done : exitCodes.failed
}

function checkNode(): Check {
  const { node } = process.versions
  const major = Number(node.split('.')[0])
  return major >= nodeOldestMajor
    ? ok('node', node)
    : fault('node', `${node} is too old`, `install Node ${nodeOldestMajor} or newer`)
}

async function checkState({ terminal }: Call): Promise<Check[]> {
  const home = resolve(terminal.cwd, terminal.env.MUSTER_HOME ?? '.muster')
  const shown = terminal.env.MUSTER_HOME ?? '.muster'
  const found = await stat(home).catch(() => undefined)
  if (found && !found.isDirectory()) {
    return [fault('state', `${shown} is a file`, 'move it away, or set MUSTER_HOME to a folder')]
  }
  const place = found ? home : dirname(home)
  const writable = await access(place, constants.W_OK).then(
    () => true,
    () => false,
  )
  const state = writable
    ? ok('state', found ? shown : `${shown} will be made by muster up`)
    : fault('state', `${shown} cannot be written`, 'own the folder, or set MUSTER_HOME to another')
  const disk = await statfs(place).catch(() => undefined)
  if (!disk) return [state]
  const free = disk.bavail * disk.bsize
  const space = `${bytesWords(free)} free`
  return [
    state,
    free >= freeBytesMin
      ? ok('disk', space)
      : fault('disk', space, `make room: at least ${bytesWords(freeBytesMin)}`),
  ]
}

/** Health waits for nothing but the process. */
const healthMs = 5_000
/** Longer than the database is waited for. */
const summaryMs = 15_000
/** Longer than the server gives each of its checks, which it makes side by side. */
const checksMs = 20_000

/** What one ask of the server came to: each has a limit of its own, and none waits for another. */
async function asked<T>(
  call: Call,
  limitMs: number,
  ask: (client: ControlClient) => Promise<T>,
): Promise<{ readonly answer: T } | { readonly why: MusterError }> {
  const limit = AbortSignal.timeout(limitMs)
  const client = connect(call, AbortSignal.any([call.terminal.signal, limit]))
  try {
    return { answer: await ask(client) }
  } catch (error) {
    if (!limit.aborted) return { why: asMusterError(error) }
    const late = `${client.server} does not answer within ${limitMs / 1_000} s`
    return { why: new MusterError('E_SERVER_AWAY', late) }
  }
}

async function checkServer(call: Call): Promise<Check[]> {
  const [ready, summary, checks] = await Promise.all([
    asked(call, healthMs, client => client.ready()),
    asked(call, summaryMs, client => client.summary()),
    asked(call, checksMs, client => client.doctor()),
  ])
  if (isGone(ready) && isGone(summary)) {
    return [fault('server', ready.why.message, ready.why.hint ?? 'start one: muster up')]
  }
  const found = [ok('server', `${call.server} answers`)]
  if ('answer' in ready) {
    for (const { away, since, means } of ready.answer.parameters?.degraded ?? []) {
      const detail = `${away} is away since ${since}: ${means}`
      found.push(fault('degraded', detail, 'bring it back; Muster finds it by itself'))
    }
  } else if (ready.why.code === 'E_NOT_SERVING') {
    found.push(fault('health', ready.why.message, 'see its log: log/control.log in MUSTER_HOME'))
  }
  found.push('answer' in summary ? checkVersion(call, summary.answer) : unsaid('status', summary))
  found.push(...('answer' in checks ? checks.answer.checks : [unsaid('checks', checks)]))
  return found
}

function isGone(of: object): of is { readonly why: MusterError } {
  return 'why' in of && (of.why as MusterError).code === 'E_SERVER_AWAY'
}

function unsaid(name: string, { why }: { readonly why: MusterError }): Check {
  return fault(name, why.message, why.hint ?? 'see its log: log/control.log in MUSTER_HOME')
}

function checkVersion({ terminal }: Call, { server: { version } }: FleetSummary): Check {
  if (version === terminal.version) return ok('version', version)
  const detail = `the server is ${version}, this command is ${terminal.version}`
  return fault('version', detail, 'use the same version of both')
}
