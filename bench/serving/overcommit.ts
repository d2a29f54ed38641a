/*
 * S7, F32: many session models in little memory. Calls by Zipf's law over all of them at a fixed
 * rate, with every model resident and with a tenth of them: what evictions cost the 99th
 * percentile, and that no model is loaded more often than it was let go. Then a cold stampede: 500
 * callers of each of 50 cold models at once, beside hot ones that go on.
 *
 *   node bench/serving/overcommit.ts [--models 50000] [--seconds 20] [--rate 400]
 */
import { parseArgs } from 'node:util'
import { SeededRandom } from '../../src/base/random.ts'
import { floats, openTestPool } from '../../test/runners/pool.fixture.ts'
import { conditions, spinMs, tell } from '../conditions.ts'
import { goodModel, offer, zipf } from './runner-load.ts'

const { values } = parseArgs({
  options: {
    models: { type: 'string', default: '50000' },
    seconds: { type: 'string', default: '20' },
    rate: { type: 'string', default: '400' },
  },
})
const count = Number(values.models)
const load = { perSecond: Number(values.rate), seconds: Number(values.seconds) }
/** Of one resident model, as `residency.ts` expects it. */
const residentBytes = 74_200
const shards = 2
const before = conditions()
const spin = spinMs()

async function run(resident: number) {
  const budgetBytes = Math.ceil((resident * residentBytes) / shards)
  const capBytes = budgetBytes * 2 + 2 ** 30
  await using open = await openTestPool({ shards, budgetBytes, capBytes, waitingMax: 65_536 })
  const models = Array.from({ length: count }, (_, i) => goodModel(open, i + 1))
  const draw = zipf(count, new SeededRandom(11))
  const inputs = [floats([1, 2, 3, 4])]
  // The least called first, so that what is called most is what is there at the start.
  for (let from = Math.min(count, resident); from > 0; from -= 500) {
    const some = models.slice(Math.max(0, from - 500), from)
    await Promise.all(some.map(model => open.run(model, inputs)))
  }
  const loaded = open.pool.status().reduce((sum, each) => sum + each.loads, 0)
  const found = await offer(open, () => models[draw()]!, load)
  const status = open.pool.status()
  const total = (of: 'loads' | 'evictions' | 'resident' | 'residentBytes') =>
    status.reduce((sum, each) => sum + each[of], 0)
  const loads = total('loads') - loaded
  return {
    ...found,
    hitShare: 1 - loads / found.calls,
    loads,
    storm: total('loads') - total('evictions') - total('resident'),
    resident: total('resident'),
  }
}

async function stampede() {
  await using open = await openTestPool({ shards, waitingMax: 65_536 }, 2)
  const models = Array.from({ length: 70 }, (_, i) => goodModel(open, i + 1))
  const [hot, cold] = [models.slice(0, 20), models.slice(20)]
  const inputs = [floats([1, 2, 3, 4])]
  await Promise.all(hot.map(model => open.run(model, inputs)))
  let next = 0
  const anyHot = () => hot[next++ % hot.length]!
  const calm = await offer(open, anyHot, { ...load, seconds: 5 })
  const beside = offer(open, anyHot, { ...load, seconds: 5 })
  const started = performance.now()
  const asked = cold.flatMap(model => Array.from({ length: 500 }, () => open.run(model, inputs)))
  const answered = (await Promise.allSettled(asked)).filter(each => each.status === 'fulfilled')
  const tookMs = performance.now() - started
  const hotBeside = await beside
  const reads = cold.map(model => open.reads.get(model.digest))
  return {
    callers: asked.length,
    answered: answered.length,
    tookMs: Math.round(tookMs),
    loadsPerModel: Math.max(...reads.map(Number)),
    hotP99Ms: { calm: calm.p99Ms, beside: hotBeside.p99Ms },
    hotErrors: hotBeside.errors,
  }
}

const cold = await stampede()
console.error('stampede', JSON.stringify(cold))
const overcommitted = await run(count / 10)
console.error('a tenth resident', JSON.stringify(overcommitted))
const whole = await run(count * 1.2)
console.error('all resident', JSON.stringify(whole))
tell('overcommit', before, {
  spinMs: [spin, spinMs()],
  models: count,
  load,
  whole,
  overcommitted,
  p99Ratio: overcommitted.p99Ms / whole.p99Ms,
  stampede: cold,
})
