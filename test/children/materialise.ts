import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../src/base/clock.ts'
import { aFleet, aGroup } from '../../src/engine/small-data.fixture.ts'
import { OnlineFeatures, openOnlineStore } from '../../src/online/index.ts'
import type { OnlineStore } from '../../src/online/store.ts'
import { openBlobs } from '../../src/registry/index.ts'
import type { SourceSpec } from '../../src/spec/index.ts'
import { openStore, type Transactions } from '../../src/store/index.ts'

/*
 * Builds a generation of a group and stops at one of its effects, to be killed there: prints
 * `step <n>` before each, waits for ever at the one it is told, and prints `whole` when all are
 * through. The value of every entity is the same number, another in each run, so that a mixture of
 * generations shows. Begins when there is a file `turn-<step>`.
 */

const [databaseUrl, folder, value, stopAt] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
]
const source: SourceSpec = JSON.parse(process.argv[6]!)
let step = 0
process.stdin.once('end', () => process.exit()).resume()

async function effect(): Promise<void> {
  step += 1
  console.log(`step ${step}`)
  if (String(step) === stopAt) await sleep(600_000)
}

const isWrite = (words: readonly unknown[]) =>
  typeof words[0] !== 'string' || /^\s*(?:insert|update|delete)/.test(words[0])

function stopping<T extends object>(whole: T, effects: readonly string[]): T {
  return new Proxy(whole, {
    get(of, name) {
      const found = Reflect.get(of, name) as unknown
      if (typeof found !== 'function') return found
      if (!effects.includes(String(name))) return found.bind(of)
      return async (...words: unknown[]) => {
        if (isWrite(words)) await effect()
        return found.apply(of, words)
      }
    },
  })
}

// Started ahead of its turn: to load it all takes longer than what is tested.
while (!existsSync(`${folder}/turn-${stopAt}`)) await sleep(5)
await using records = await openStore(databaseUrl)
await using store = await openOnlineStore({ folder: `${folder}/online` })
const blobs = await openBlobs(`${folder}/blobs`)
await using online = await OnlineFeatures.open({
  store: stopping<OnlineStore>(store, ['update', 'remove']),
  records: stopping<Transactions>(records, ['transaction', 'run', 'one']),
  blobs,
  clock: systemClock,
  log: line => console.log(line),
})
const latest = [{ name: 'value', by: ['station'], of: `value * 0 + ${value}`, ttlMs: undefined }]
const group = aGroup([], { name: 'state', source: source.name, knownAt: 'happened', latest })
await online.follow(aFleet(source, [group], [], []))
console.log('whole')
process.exit(0)
