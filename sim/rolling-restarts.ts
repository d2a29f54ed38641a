/*
 * Restarts of two servers in turn, under load: no request may be lost. See test/rolling.ts.
 *
 *   npm run sim:rolling -- [--restarts 20] [--callers 16]
 */
import { parseArgs } from 'node:util'
import { rollingRestarts } from '../test/rolling.ts'

const { values } = parseArgs({
  options: {
    restarts: { type: 'string', default: '20' },
    callers: { type: 'string', default: '16' },
  },
})
const options = { restarts: Number(values.restarts), callers: Number(values.callers) }
console.log('restart  server  drain ms  start ms  exit  answered  lost')
let n = 0
const { restarts, answered, lost, p99Ms, worstMs } = await rollingRestarts(options, restart => {
  const { server, drainMs, startMs, exitCode } = restart
  const times = [drainMs, startMs].map(ms => ms.toFixed(0).padStart(8)).join('  ')
  const exit = String(exitCode).padStart(4)
  const counts = `${String(restart.answered).padStart(8)}  ${String(restart.lost).padStart(4)}`
  console.log(
    `${String(++n).padStart(7)}  ${String(server).padStart(6)}  ${times}  ${exit}  ${counts}`,
  )
})
const losses = Object.entries(lost).map(([what, count]) => `${what} ${count}`)
const told = losses.length === 0 ? 'none lost' : `LOST: ${losses.join(', ')}`
console.log(
  `${restarts.length} restarts, ${answered} requests, ${told}; ` +
    `p99 ${p99Ms.toFixed(1)} ms, worst ${worstMs.toFixed(0)} ms`,
)
if (losses.length > 0 || restarts.some(({ exitCode }) => exitCode !== 0)) process.exitCode = 1
