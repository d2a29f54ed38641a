import picocolors from 'picocolors'
import { type Column, tableLines } from './table.ts'
import type { Terminal } from './terminal.ts'

type Colours = ReturnType<typeof picocolors.createColors>

/** Fields of one JSON line; `v` says which version of the fields it is. */
export const jsonVersion = 1

/**
 * The two voices of a command: data goes to standard output, talk to standard error. Colour, cut
 * columns and redrawn lines exist on a terminal only; MUSTER_PLAIN=1 keeps lines as they were
 * written.
 */
export class Screen {
  readonly json: boolean
  /** Colours for data, and for talk. */
  readonly ink: Colours
  readonly talkInk: Colours
  /** Columns of a terminal, or undefined in a pipe: values are full there. */
  readonly width: number | undefined
  /** Whether talk may redraw lines. */
  readonly live: boolean
  readonly #terminal: Terminal
  #closed = false
  #drawn = 0

  constructor(terminal: Terminal, options: { json: boolean }) {
    this.#terminal = terminal
    this.json = options.json
    const plain = terminal.env.MUSTER_PLAIN === '1'
    const colour = !terminal.env.NO_COLOR && !plain
    this.ink = picocolors.createColors(colour && terminal.stdoutIsTTY && !options.json)
    this.talkInk = picocolors.createColors(colour && terminal.stderrIsTTY)
    this.width = terminal.stdoutIsTTY ? Math.max(40, terminal.columns) : undefined
    this.live = terminal.stderrIsTTY && !plain
    // Whoever reads us may leave early (`| head`): that ends our talk, and is no failure.
    terminal.stdout.on?.('error', () => {
      this.#closed = true
    })
    terminal.stderr.on?.('error', () => {})
  }

  /** True once the reader of standard output has left. */
  get closed(): boolean {
    return this.#closed
  }

  data(line = ''): void {
    if (this.#closed) return
    this.#erase()
    this.#terminal.stdout.write(`${line}\n`)
  }

  /** Bytes or text as they are, for what is no line. */
  raw(text: string): void {
    if (!this.#closed) this.#terminal.stdout.write(text)
  }

  say(line = ''): void {
    this.#erase()
    this.#terminal.stderr.write(`${line}\n`)
  }

  object(fields: object): void {
    this.data(JSON.stringify({ v: jsonVersion, ...fields }))
  }

  /**
   * Head and lines on a terminal; tab-separated values in a pipe. `paint` colours a line that is
   * laid out.
   */
  table(
    columns: readonly Column[],
    rows: readonly (readonly string[])[],
    paint: (line: string, row: number) => string = line => line,
  ): void {
    const { head, lines } = tableLines(columns, rows, this.width)
    if (head !== undefined && rows.length > 0) this.data(this.ink.dim(head))
    for (const [i, line] of lines.entries()) this.data(paint(line, i))
  }

  /** Replaces the lines drawn before, on a terminal that allows it; elsewhere nothing is drawn. */
  draw(lines: readonly string[]): void {
    if (!this.live) return
    this.#erase()
    for (const line of lines) this.#terminal.stderr.write(`${line}\n`)
    this.#drawn = lines.length
  }

  #erase(): void {
    if (this.#drawn > 0) this.#terminal.stderr.write(`\u001b[${this.#drawn}F\u001b[J`)
    this.#drawn = 0
  }
}
