import { type ChildProcess, fork } from 'node:child_process'
import { getCompileCacheDir } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import type { WorkerStart } from './work.ts'

/** Between the end of a worker and its successor: a fault at start must not spin. */
const restartPauseMs = 1_000
/**
 * How long a worker may finish what it does when told to stop. Its step is begun again elsewhere.
 */
const stopWaitMs = 3_000
/**
 * A step's columns lie outside of the heap, and every few parts call for a collection; threads that
 * mark beside it take a third as much processor as the step, from the other workers.
 */
const gcFlags = ['--single-threaded-gc']

/** Workers load what their parent has loaded: compiled once, it takes half the time. */
function compileCache(): Readonly<Record<string, string>> {
  const folder = getCompileCacheDir()
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: folder }
}

/** Keeps a number of worker processes up. Any of them may be killed at any time. */
export class Workers implements AsyncDisposable {
  readonly #children = new Map<string, ChildProcess>()
  readonly #start: Omit<WorkerStart, 'name'>
  readonly #log: Logger
  #closing = false

  constructor(count: number, start: Omit<WorkerStart, 'name'>, log: Logger) {
    this.#start = start
    this.#log = log
    for (let i = 1; i <= count; i++) this.#spawn(`work-${i}`)
  }

  #spawn(name: string): void {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const child = fork(fileURLToPath(new URL(`./work.${extension}`, import.meta.url)), [], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      serialization: 'advanced',
      execArgv: [...process.execArgv, ...gcFlags],
      env: { ...process.env, ...compileCache() },
    })
    this.#children.set(name, child)
    child.send({ ...this.#start, name } satisfies WorkerStart)
    child.once('exit', (code, signal) => {
      this.#children.delete(name)
      if (this.#closing) return
      this.#log.warn({ worker: name, code, signal }, 'a worker ended and is started again')
      setTimeout(() => this.#closing || this.#spawn(name), restartPauseMs).unref()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true
    await Promise.all(
      [...this.#children.values()].map(async child => {
        const ended = new Promise(resolve => child.once('exit', resolve))
        child.kill('SIGTERM')
        const killer = setTimeout(() => child.kill('SIGKILL'), stopWaitMs)
        await ended
        clearTimeout(killer)
      }),
    )
  }
}
