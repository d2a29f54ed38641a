/*
 * 999 good models beside one that loops, leaks or crashes (I13): what callers of models in other
 * runners notice of it, and what its shard-mates pay. Once as users see it, where it is quarantined
 * when it was bad three times; once with the quarantine lifted again at once, so that it goes on
 * being bad for as long as it is watched. Windows without and with it lie side by side.
 *
 *   node sim/noisy-neighbour.ts [--seconds 3] [--pairs 8] [--rate 300] [--shards 3]
 */
import { parseArgs } from 'node:util'
import { conditions } from '../bench/conditions.ts'
import { intervalText } from '../bench/ratio.ts'
import { errorsOf, goodModel, offer, pairsOf } from '../bench/serving/runner-load.ts'
import { SeededRandom } from '../src/base/random.ts'
import { asLargeAsAsked, endlessLoop } from '../src/onnx/odd-models.fixture.ts'
import { floats, openTestPool } from '../test/runners/pool.fixture.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    pairs: { type: 'string', default: '8' },
    rate: { type: 'string', default: '300' },
    shards: { type: 'string', default: '3' },
  },
})
const load = { perSecond: Number(values.rate), seconds: Number(values.seconds) }
const goodCount = 999
const random = new SeededRandom(7)
const before = conditions()
await using open = await openTestPool({
  shards: Number(values.shards),
  runMaxMs: 500,
  budgetBytes: 512 * 1_048_576,
  capBytes: 768 * 1_048_576,
})
const good = Array.from({ length: goodCount }, (_, i) => goodModel(open, i + 1))
await Promise.all(good.map(model => open.run(model, [floats([1, 2, 3, 4])])))
const loop = open.add(endlessLoop())
const leak = open.add(asLargeAsAsked())
const forEver = () => open.run(loop, [floats([1], 'x', [1])]).catch(() => undefined)
const elements = (count: bigint) => ({
  name: 's',
  datatype: 'INT64' as const,
  shape: [1],
  data: BigInt64Array.of(count),
})

/** Each does its worst once, and is called again as soon as that is over. */
const worst = {
  loops: { model: loop, act: forEver },
  leaks: {
    model: leak,
    // 400 MB, that is had, and 4 GB, that is not.
    act: async () => {
      for (const count of [100_000_000n, 1_000_000_000n]) {
        await open.run(leak, [elements(count)]).catch(() => undefined)
      }
    },
  },
  crashes: {
    model: loop,
    act: async () => {
      const stuck = forEver()
      await new Promise(resolve => setTimeout(resolve, 250))
      const { pid } = open.pool.status()[open.pool.shardNumber(loop.digest)]!
      const runs = open.pool.quarantinedBecause(loop.digest) === undefined
      if (runs && pid !== undefined) process.kill(pid, 'SIGKILL')
      await stuck
    },
  },
}

/** Of callers of a bad model, after each answer: in quarantine it is refused at once. */
const pauseMs = 20

const rows: string[][] = []
for (const quarantine of ['kept', 'lifted'] as const) {
  for (const [kind, { model, act }] of Object.entries(worst)) {
    const shard = open.pool.shardNumber(model.digest)
    const off = good.filter(each => open.pool.shardNumber(each.digest) !== shard)
    const mates = good.filter(each => open.pool.shardNumber(each.digest) === shard)
    const anyOf = (models: typeof good) => () => models[random.below(models.length)]!
    let [mateCalls, mateErrors] = [0, 0]
    const starts = () => open.pool.status()[shard]!.starts
    const startsBefore = starts()
    const beside = async () => {
      open.pool.unload(model)
      let isOver = false
      const being = (async () => {
        while (!isOver) {
          await act()
          if (quarantine === 'lifted') open.pool.unload(model)
          await new Promise(resolve => setTimeout(resolve, pauseMs))
        }
      })()
      const [others, own] = await Promise.all([
        offer(open, anyOf(off), load),
        offer(open, anyOf(mates), { ...load, perSecond: load.perSecond / 10 }),
      ])
      mateCalls += own.calls
      mateErrors += errorsOf(own)
      isOver = true
      await being
      // Its mates are loaded again, which is not to count against the next window without it.
      // One whose runner ends meanwhile is loaded by its next call.
      await Promise.allSettled(mates.map(mate => open.run(mate, [floats([1, 2, 3, 4])])))
      return others
    }
    const plain = () => offer(open, anyOf(off), load)
    const { tried, told } = await pairsOf(Number(values.pairs), { plain, tried: beside })
    if (told.errors > 0) process.exitCode = 1
    rows.push([
      kind,
      quarantine,
      String(tried.reduce((sum, each) => sum + each.calls, 0)),
      String(told.errors),
      ...told.p99Ms.map(ms => ms.toFixed(2)),
      intervalText(told.ratio),
      intervalText(told.floor),
      `${mateErrors} of ${mateCalls}`,
      String(starts() - startsBefore),
    ])
  }
}
const head = [
  ...[
    'bad model',
    'quarantine',
    'calls',
    'errors',
    'p99 alone',
    'beside',
    'ratio',
    'alone to alone',
  ],
  ...['mates', 'restarts'],
]
const widths = head.map((word, i) => Math.max(word.length, ...rows.map(row => row[i]!.length)))
for (const row of [head, ...rows]) {
  console.log(row.map((cell, i) => cell.padStart(widths[i]!)).join('  '))
}
console.log('calls, errors, p99 (ms): of models in other runners; mates: errors of its own runner')
console.log(JSON.stringify({ load: [before.load, conditions().load], cores: before.cores }))
