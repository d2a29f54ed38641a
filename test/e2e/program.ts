import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../bin/muster.mjs', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A folder for state that PostgreSQL's own user may enter, as the system's temporary one is. */
export function temporaryHome(name: string): { path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), `muster-${name}-`))
  chmodSync(path, 0o711) // When we are root, the server's user must be able to pass through.
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}

export interface Launch {
  readonly home: string
  readonly port: number
  readonly cwd?: string
  /** Beside the environment of this process. */
  readonly env?: Readonly<Record<string, string>>
}

/** Starts the program in a process group of its own, so that a test can kill all of it. */
export function launch(args: readonly string[], { home, port, cwd, env }: Launch): ChildProcess {
  return spawn(process.execPath, [program, ...args], {
    cwd: cwd ?? process.cwd(),
    env: { ...process.env, ...env, MUSTER_HOME: home, MUSTER_PORT: String(port), NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
}

/** Resolves when the process has ended and said everything. */
export function ended(child: ChildProcess): Promise<Ended> {
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', text => {
    stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', text => {
    stderr += text
  })
  return new Promise(resolve => child.once('close', code => resolve({ code, stdout, stderr })))
}

export function run(args: readonly string[], at: Launch): Promise<Ended> {
  return ended(launch(args, at))
}

/** The first line that it says; rejects when it ends without one. */
export function lineOf(child: ChildProcess): Promise<string> {
  let said = ''
  return new Promise((resolve, reject) => {
    child.stdout?.setEncoding('utf8').on('data', text => {
      said += text
      if (said.includes('\n')) resolve(said.slice(0, said.indexOf('\n')))
    })
    child.once('exit', code => reject(new Error(`it ended with ${code} and said nothing`)))
  })
}

/** Resolves when the server answers as ready; rejects with what it said when it ends instead. */
export async function ready(port: number, server: ChildProcess): Promise<void> {
  let said = ''
  server.stderr?.on('data', text => {
    said += text
  })
  for (;;) {
    if (server.exitCode !== null) throw new Error(`the server ended: ${said}`)
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/v2/health/ready`)
      if (answer.ok) return
    } catch {
      // Not up yet.
    }
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

/** SIGKILL for the whole group: nothing gets to say goodbye. */
export function killGroup(child: ChildProcess): void {
  if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
}

/** Ctrl C, and the end of it. */
export async function interrupt(child: ChildProcess): Promise<Ended> {
  const end = ended(child)
  child.kill('SIGINT')
  return end
}
