import { availableParallelism } from 'node:os'
import { systemClock } from '../base/clock.ts'
import { runCli, type Terminal } from '../cli/index.ts'
import { packageVersion } from './package-version.ts'

/*
 * The program. Reads the environment and hands it on as values; the roles are loaded only when one
 * is started, by dynamic import, because `muster --help` must answer in 80 ms and a database driver
 * alone takes longer.
 */

/** How long a failed command may take to write and close what it still has open. */
const lingerMs = 2_000

const interrupted = new AbortController()
process.on('SIGINT', () => interrupted.abort())
process.on('SIGTERM', () => interrupted.abort())

const terminal: Terminal = {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  stdinIsTTY: process.stdin.isTTY ?? false,
  stdoutIsTTY: process.stdout.isTTY ?? false,
  stderrIsTTY: process.stderr.isTTY ?? false,
  columns: process.stdout.columns ?? 100,
  cwd: process.cwd(),
  env: process.env,
  signal: interrupted.signal,
  clock: systemClock,
  version: packageVersion,
  start: {
    async up(options) {
      const { up } = await import('./stay-up.ts')
      return up({ ...options, terminal, cores: availableParallelism() })
    },
    async quickstart(options) {
      const { quickstart } = await import('./quickstart.ts')
      return quickstart({ ...options, terminal, cores: availableParallelism() })
    },
  },
}

const code = await runCli(process.argv.slice(2), terminal)
// Written text may still be on its way into a pipe; exiting now would cut it.
process.exitCode = code
// What failed half-way may hold the process by something that nobody closes any more.
if (code !== 0) setTimeout(() => process.exit(code), lingerMs).unref()
