// `npm test`: format, lint, types, then the tests; each by our own Node, one after the other, so
// that the first fault is the last thing printed. Arguments go to Vitest: npm test -- src/spec
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const bin = join(root, 'node_modules', '.bin')
const node = join(root, 'node_modules', 'node', 'bin', 'node')
const env = { ...process.env, PATH: `${dirname(node)}:${bin}:${process.env.PATH}` }

const steps = [
  ['format and lint', ['biome', 'check', '--error-on-warnings', '.']],
  ['types', ['tsc', '--noEmit']],
  ['tests', ['vitest', 'run', ...process.argv.slice(2)]],
]

for (const [what, [command, ...args]] of steps) {
  process.stderr.write(`\n== ${what} ==\n`)
  const started = process.hrtime.bigint()
  const done = spawnSync(join(bin, command), args, { cwd: root, stdio: 'inherit', env })
  const seconds = Number(process.hrtime.bigint() - started) / 1e9
  process.stderr.write(
    `== ${what}: ${done.status === 0 ? 'ok' : 'FAILED'} in ${seconds.toFixed(1)} s\n`,
  )
  if (done.status !== 0) process.exit(done.status ?? 1)
}
