import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A process of ours that a test starts, reads line by line, and kills. */
export interface Child {
  readonly pid: number
  /** The next line of its standard output; undefined when there will be none. */
  line(): Promise<string | undefined>
  /** Every line so far that `line` has not given. */
  rest(): Promise<readonly string[]>
  kill(signal: NodeJS.Signals): Promise<void>
  /** Ends its standard input and waits for it. */
  end(): Promise<void>
}

/** Runs `test/children/<name>.ts` with the Node of this process. */
export function startChild(name: string, ...words: readonly string[]): Child {
  const path = fileURLToPath(new URL(`./children/${name}.ts`, import.meta.url))
  const child: ChildProcess = spawn(process.execPath, [path, ...words], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  const gone = new Promise<void>(done => child.once('exit', () => done()))
  const line = async () => {
    const next = await lines.next()
    return next.done ? undefined : next.value
  }
  return {
    pid: child.pid!,
    line,
    async rest() {
      const found: string[] = []
      for (let next = await line(); next !== undefined; next = await line()) found.push(next)
      return found
    },
    async kill(signal) {
      child.kill(signal)
      await gone
    },
    async end() {
      child.stdin!.end()
      await gone
    },
  }
}

/** Waits for a state of the world, asked again and again; the test's own time limit ends it. */
export async function until(claim: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await claim())) await new Promise(done => setTimeout(done, 20))
}
