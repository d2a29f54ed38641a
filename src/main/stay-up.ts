import type { Terminal, UpOptions } from '../cli/index.ts'
import { readConfig } from './config.ts'
import { startServer } from './up.ts'

export interface StartOptions extends UpOptions {
  readonly terminal: Terminal
  readonly cores: number
}

/** `muster up`: every role on this machine, until Ctrl C. */
export async function up({ terminal, port, cores, json }: StartOptions): Promise<number> {
  const config = readConfig(terminal.env, terminal.cwd, { port, cores })
  await using server = await startServer(config)
  const { url, grpc } = server
  if (json) terminal.stdout.write(`${JSON.stringify({ v: 1, url, grpc })}\n`)
  else {
    terminal.stderr.write(`Muster is up at ${url} (API: ${url}/api/docs)\n`)
    if (grpc !== undefined) terminal.stderr.write(`gRPC: ${grpc}\n`)
    terminal.stderr.write('Next: muster plan. Ctrl C ends it.\n')
  }
  await interruption(terminal.signal)
  if (!json) terminal.stderr.write('Ending: what runs is begun again at the next start.\n')
  return 0
}

export function interruption(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}
