/*
 * S7, F32: many session models in little memory. Calls by Zipf's law over all of them at a fixed
 * rate, with every model resident and with a tenth of them: what evictions cost the 99th
 * percentile, and that no model is loaded more often than it was let go. Then cold stampedes: 500
 * callers of each of 50 cold models at once, beside hot ones that go on. Windows with and without
 * lie side by side (ABBA), each after a look at how fast the machine is; a pair that it was not
 * equally fast for is left out, and what is stated is the median of the ratios of pairs.
 *
 *   node bench/serving/overcommit.ts [--models 50000] [--pairs 12] [--seconds 4] [--rate 400]
 */
import { parseArgs } from 'node:util'
import { SeededRandom } from '../../src/base/random.ts'
import type { RunnerModel } from '../../src/runners/index.ts'
import { floats, openTestPool, type TestPool } from '../../test/runners/pool.fixture.ts'
import { conditions, tell } from '../conditions.ts'
import { goodModel, median, offer, pairsOf, zipf } from './runner-load.ts'

const { values } = parseArgs({
  options: {
    models: { type: 'string', default: '50000' },
    pairs: { type: 'string', default: '12' },
    seconds: { type: 'string', default: '4' },
    rate: { type: 'string', default: '400' },
  },
})
const count = Number(values.models)
const pairs = Number(values.pairs)
const load = { perSecond: Number(values.rate), seconds: Number(values.seconds) }
/** Of one resident model, as `residency.ts` expects it. */
const residentBytes = 74_200
const shards = 2
const inputs = [floats([1, 2, 3, 4])]
const before = conditions()

/** With room for `resident` models: those that are called most. */
async function openWith(resident: number): Promise<[TestPool, readonly RunnerModel[]]> {
  const budgetBytes = Math.ceil((resident * residentBytes) / shards)
  const capBytes = budgetBytes * 2 + 2 ** 30
  const open = await openTestPool({ shards, budgetBytes, capBytes, waitingMax: 65_536 })
  const models = Array.from({ length: count }, (_, i) => goodModel(open, i + 1))
  for (let from = Math.min(count, resident); from > 0; from -= 500) {
    const some = models.slice(Math.max(0, from - 500), from)
    await Promise.all(some.map(model => open.run(model, inputs)))
  }
  return [open, models]
}

function total(open: TestPool, of: 'loads' | 'evictions' | 'resident'): number {
  return open.pool.status().reduce((sum, each) => sum + each[of], 0)
}

async function overcommit() {
  const [wholePool, all] = await openWith(count * 1.2)
  await using whole = wholePool
  const [tenthPool, some] = await openWith(count / 10)
  await using tenth = tenthPool
  const draw = zipf(count, new SeededRandom(11))
  const loaded = total(tenth, 'loads')
  const found = await pairsOf(pairs, {
    plain: () => offer(whole, () => all[draw()]!, load),
    tried: () => offer(tenth, () => some[draw()]!, load),
  })
  const calls = found.tried.reduce((sum, each) => sum + each.calls, 0)
  return {
    ...found.told,
    calls,
    hitShare: 1 - (total(tenth, 'loads') - loaded) / calls,
    storm: total(tenth, 'loads') - total(tenth, 'evictions') - total(tenth, 'resident'),
    resident: [total(whole, 'resident'), total(tenth, 'resident')],
  }
}

/** Calls that come in one turn of the loop, as sockets would deliver them. */
const callsPerTurn = 16

async function stampedes() {
  await using open = await openTestPool({ shards, waitingMax: 65_536 }, 2)
  const hot = Array.from({ length: 20 }, (_, i) => goodModel(open, i + 1))
  await Promise.all(hot.map(model => open.run(model, inputs)))
  let [next, seed, answered, asked] = [0, hot.length, 0, 0]
  const tookMs: number[] = []
  const calm = () => offer(open, () => hot[next++ % hot.length]!, load)
  const stampede = async () => {
    const cold = Array.from({ length: 50 }, () => goodModel(open, ++seed))
    const startedMs = performance.now()
    const asks: Promise<unknown>[] = []
    for (let caller = 0; caller < 500; caller++) {
      for (const model of cold) {
        asks.push(open.run(model, inputs))
        if (asks.length % callsPerTurn === 0) await new Promise(resolve => setImmediate(resolve))
      }
    }
    const ends = await Promise.allSettled(asks)
    tookMs.push(performance.now() - startedMs)
    asked += ends.length
    answered += ends.filter(each => each.status === 'fulfilled').length
  }
  const found = await pairsOf(pairs, {
    plain: calm,
    tried: async () => (await Promise.all([calm(), stampede()]))[0],
  })
  const loadsPerModel = Math.max(...open.reads.values())
  return { ...found.told, asked, answered, loadsPerModel, tookMs: Math.round(median(tookMs)) }
}

const cold = await stampedes()
console.error('stampede beside hot models', JSON.stringify(cold))
const tenth = await overcommit()
console.error('a tenth resident', JSON.stringify(tenth))
tell('overcommit', before, { models: count, load, overcommit: tenth, stampede: cold })
