import type { ExitCode } from './exit-codes.ts'
import type { Screen } from './screen.ts'
import type { Terminal } from './terminal.ts'

export interface OptionFacts {
  /**
   * As commander spells it: `--limit <n>`. A value in angle brackets is required, a `...` repeats.
   */
  readonly flags: string
  readonly help: string
}

export interface ArgumentFacts {
  readonly name: string
  readonly required: boolean
  readonly help: string
  /** What the shell may complete it with. */
  readonly choices?: readonly string[]
  readonly files?: boolean
}

/** One parsed call of a command. */
export interface Call {
  readonly terminal: Terminal
  readonly screen: Screen
  /** Given arguments, in order; empty ones were refused. */
  readonly args: readonly string[]
  readonly server: string
  flag(name: string): boolean
  text(name: string): string | undefined
  texts(name: string): readonly string[]
}

export type Act = (call: Call) => Promise<ExitCode | number>

/** A command: enough for help, completion and parsing without loading what it does. */
export interface CommandFacts {
  /** One word, or two: `plan`, `data diff`. */
  readonly name: string
  readonly group: 'begin' | 'change' | 'look' | 'data' | 'use' | 'care'
  /** One line, beginning with a verb. */
  readonly summary: string
  readonly arguments: readonly ArgumentFacts[]
  readonly options: readonly OptionFacts[]
  readonly examples: readonly { readonly call: string; readonly does: string }[]
  /** What else is worth knowing: a sentence or two. */
  readonly notes?: readonly string[]
  /** Whether it asks a server, and so takes --server. */
  readonly asksServer: boolean
  readonly load: () => Promise<{ readonly act: Act }>
}
