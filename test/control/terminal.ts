import { ManualClock } from '../../src/base/clock.ts'
import { runCli, type Terminal } from '../../src/cli/index.ts'

export interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface TestTerminal {
  readonly tty?: boolean
  readonly columns?: number
  readonly cwd?: string
  readonly stdin?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly signal?: AbortSignal
  readonly start?: Partial<Terminal['start']>
  /** Sees each piece of standard error as it is written. */
  readonly onErr?: (text: string) => void
}

async function* pieces(text: string): AsyncGenerator<string> {
  yield text
}

/** Runs a command line on a terminal that writes into strings. */
export async function say(argv: readonly string[], look: TestTerminal = {}): Promise<Said> {
  let out = ''
  let err = ''
  const write = (text: string): void => {
    err += text
    look.onErr?.(text)
  }
  const code = await runCli(argv, {
    stdout: {
      write: text => {
        out += text
      },
    },
    stderr: { write },
    stdin: pieces(look.stdin ?? ''),
    stdoutIsTTY: look.tty ?? false,
    stderrIsTTY: look.tty ?? false,
    columns: look.columns ?? 100,
    cwd: look.cwd ?? process.cwd(),
    env: look.env ?? {},
    signal: look.signal ?? new AbortController().signal,
    clock: new ManualClock(0),
    version: '0.1.0',
    start: { up: async () => 0, quickstart: async () => 0, ...look.start },
  })
  return { code, out, err }
}
