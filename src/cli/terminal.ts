import type { Clock } from '../base/clock.ts'

/** Where text goes: `process.stdout`, or a list in a test. */
export interface TextSink {
  write(text: string): unknown
  on?(event: 'error', listener: (error: Error) => void): unknown
}

export interface UpOptions {
  /** 7077, or what --port or MUSTER_PORT says. */
  readonly port: number
  readonly json: boolean
}

export interface QuickstartOptions extends UpOptions {
  /** Run, print the summary, exit; else stay up. */
  readonly once: boolean
}

/**
 * All that a command sees of the machine. `main/` fills it in; nothing else reads the environment.
 */
export interface Terminal {
  readonly stdout: TextSink
  readonly stderr: TextSink
  readonly stdin: AsyncIterable<Uint8Array | string>
  /** Then nothing is read unless somebody types it. */
  readonly stdinIsTTY?: boolean
  /** Whether standard output, and standard error, are a terminal. */
  readonly stdoutIsTTY: boolean
  readonly stderrIsTTY: boolean
  readonly columns: number
  /** Absolute path that relative ones are taken from. */
  readonly cwd: string
  /**
   * The variables that commands read: MUSTER_PORT, MUSTER_HOME, MUSTER_DATA_ROOTS, MUSTER_PLAIN,
   * NO_COLOR, DATABASE_URL.
   */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborted by Ctrl C. */
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly version: string
  /** What `up` and `quickstart` start; they give the exit code. */
  readonly start: {
    up(options: UpOptions): Promise<number>
    quickstart(options: QuickstartOptions): Promise<number>
  }
}
