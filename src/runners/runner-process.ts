import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import type { Duplex } from 'node:stream'
import { type Frame, type FrameKind, FrameReader, frameKind, type PayloadWriter } from './frame.ts'
import { type Memory, readMemory } from './memory.ts'

/** How to start a runner. */
export interface RunnerCommand {
  readonly node: string
  /** The file of `start-runner.ts`. */
  readonly entry: string
  /** From `trySandbox`. */
  readonly before: readonly string[]
  /** An empty folder, in which it runs. */
  readonly folder: string
  /** Of the models of one runner, enforced by the kernel. */
  readonly capBytes: number
  /** What it gives way by all the time, in steps of nice. Default: none. */
  readonly nice?: number
}

export interface RunnerEnd {
  readonly signal: string | null
  readonly exitCode: number | null
}

export interface RunnerEvents {
  /** Any frame but `ready`. */
  frame(frame: Frame): void
  /** Once, after the last frame. */
  ended(end: RunnerEnd): void
}

/** What a runner says when it is up. */
export interface RunnerReady {
  readonly isCapped: boolean
  /** Of the process while it has no model. */
  readonly memory: Memory
}

/**
 * No secrets, and settings of glibc: one arena, and large blocks given back to the kernel, else
 * what models took stays with the process (500 models of 1 MB left 1.18 GB behind, and so 0.36).
 */
const environment = {
  PATH: '/usr/bin:/bin:/usr/sbin:/sbin',
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '131072',
  MALLOC_TRIM_THRESHOLD_: '131072',
}

/**
 * Steps of nice by which a runner gives way: a ninth of the share of others, so that a model that
 * loops takes only what they leave.
 */
const wayNice = 10
const niceMost = 19

/** Linux tells processor time in hundredths of a second. */
const tickMs = 10

/** One child process and the socket to it. */
export class RunnerProcess {
  readonly #child: ChildProcess
  readonly #socket: Duplex
  readonly #nice: number
  readonly #mayGiveWay: boolean
  /** Rejects never: when it ends before it is up, `ended` says so and this stays open. */
  readonly ready: Promise<RunnerReady>

  constructor(command: RunnerCommand, events: RunnerEvents) {
    const { node, entry, before, folder, capBytes, nice = 0 } = command
    const [program, ...rest] = [...before, node, entry, String(capBytes)]
    this.#child = spawn(program!, rest, {
      cwd: folder,
      env: environment,
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    })
    this.#socket = this.#child.stdio[3] as Duplex
    // Whoever is not root may give way, but not take it back: then it is left.
    this.#nice = getPriority() + nice
    this.#mayGiveWay = this.#setNice(this.#nice + 1) && this.#setNice(this.#nice)
    const reader = new FrameReader()
    let tellReady: (ready: RunnerReady) => void = () => {}
    this.ready = new Promise(resolve => {
      tellReady = resolve
    })
    this.#socket.on('data', (chunk: Buffer) => {
      try {
        for (const frame of reader.push(chunk)) {
          if (frame.kind === frameKind.ready) {
            const isCapped = frame.payload.u8() === 1
            tellReady({ isCapped, memory: readMemory(frame.payload) })
          } else events.frame(frame)
        }
      } catch {
        // It does not speak the protocol any more, so nothing that it says is worth anything.
        this.kill()
      }
    })
    // A runner that has ended: the process says so itself.
    this.#socket.on('error', () => {})
    this.#child.once('error', () => events.ended({ signal: null, exitCode: null }))
    // 'close', not 'exit': what it answered before its end is read first.
    this.#child.once('close', (exitCode, signal) => events.ended({ signal, exitCode }))
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Processor time so far; Infinity where it cannot be told (no Linux). */
  cpuMs(): number {
    try {
      const fields = readFileSync(`/proc/${this.pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
      return (Number(fields[11]) + Number(fields[12])) * tickMs
    } catch {
      return Number.POSITIVE_INFINITY
    }
  }

  /** Lets other processes go before it, or no longer. */
  giveWay(does: boolean): void {
    if (this.#mayGiveWay) this.#setNice(this.#nice + (does ? wayNice : 0))
  }

  #setNice(nice: number): boolean {
    try {
      setPriority(this.pid!, Math.min(niceMost, nice))
      return true
    } catch {
      return false
    }
  }

  send(kind: FrameKind, call: number, payload: PayloadWriter): void {
    if (!this.#socket.writable) return
    this.#socket.cork()
    for (const piece of payload.frame(kind, call)) this.#socket.write(piece)
    this.#socket.uncork()
  }

  /** At once: a runner may be stuck where no other signal reaches it. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }
}
