import { access, constants, stat, statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { asMusterError } from '../../base/errors.ts'
import { type Check, freeBytesMin } from '../../contract/index.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { bytesWords, pad, printable } from '../text.ts'

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

async function checkServer(call: Call): Promise<Check[]> {
  const client = connect(call, AbortSignal.any([call.terminal.signal, AbortSignal.timeout(5_000)]))
  try {
    const summary = await client.summary()
    const { version } = summary.server
    const same = version === call.terminal.version
    const answer = await client.doctor()
    return [
      ok('server', `${client.server} answers`),
      same
        ? ok('version', version)
        : fault(
            'version',
            `the server is ${version}, this command is ${call.terminal.version}`,
            'use the same version of both',
          ),
      ...answer.checks,
    ]
  } catch (error) {
    const { message, hint } = asMusterError(error)
    const late = error instanceof Error && error.name === 'TimeoutError'
    const detail = late ? `${client.server} does not answer within 5 s` : message
    return [fault('server', detail, hint ?? 'start one: muster up')]
  }
}
