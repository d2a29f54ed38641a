import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import { systemClock } from '../base/clock.ts'
import { asMusterError } from '../base/errors.ts'
import { SeededRandom } from '../base/random.ts'
import type { CurrentFleet, OnlineParts } from '../control/index.ts'
import type { Blobs } from '../fleet/index.ts'
import type { IntakeAt } from '../intake/index.ts'
import {
  OnlineFeatures,
  type OnlineStore,
  openOnlineMetrics,
  openOnlineStore,
  verifyOnline,
} from '../online/index.ts'
import type { DataPlane } from '../serve/index.ts'
import type { FleetSpec } from '../spec/index.ts'
import { type Store, unfinishedRuns } from '../store/index.ts'
import type { Config } from './config.ts'

/** Runs that train go first, but the store waits no longer for them than this. */
const lookAtLeastEveryMs = 60_000
/** Entities of each kind that the schedule compares. */
const scheduledSample = 100

export interface OnlineRole extends OnlineParts, AsyncDisposable {
  /**
   * `online` brings the store to what is declared and recorded; while runs train, only now and then
   * what has grown or changed, and at once what is not there at all. That takes as long as it
   * takes, so `onlineStore`, which tells the health of the plane whether it answers, is another.
   */
  looks(
    health: DataPlane['dependencies'],
  ): Readonly<Record<'online' | 'onlineStore', () => Promise<void>>>
  /** At once, for a run that is about to be done: who applied may ask by name alone then. */
  fill(): Promise<void>
}

export interface OnlineRoleParts {
  readonly config: Config
  readonly store: Store
  readonly blobs: Blobs
  readonly fleet: CurrentFleet
  readonly intake: IntakeAt
  readonly registry: Registry
  readonly log: Logger
}

/** Opens the online store, and compares it with the snapshots on schedule. E_FEATURES_AWAY. */
export async function openOnline(parts: OnlineRoleParts): Promise<OnlineRole> {
  const { config, log } = parts
  await using stack = new AsyncDisposableStack()
  const where = config.onlineUrl
    ? { url: config.onlineUrl }
    : { folder: join(config.home, 'online') }
  const store = stack.use(await openOnlineStore(where))
  const features = stack.use(
    await OnlineFeatures.open({
      store,
      records: parts.store,
      blobs: parts.blobs,
      clock: systemClock,
      log: line => log.warn(line),
      metrics: openOnlineMetrics(parts.registry),
    }),
  )
  const chance = () => new SeededRandom(randomInt(2 ** 31))
  let lookedAtMs = systemClock.monotonicMs()
  stack.use(
    every(
      config.verifyMinutes ?? 0,
      async () => {
        const spec = await parts.fleet.spec()
        if (spec === undefined || features.groups().length === 0) return
        const ask = { sample: scheduledSample, chance: chance() }
        const found = await verifyOnline(spec, ask, {
          online: features,
          store,
          intake: parts.intake,
        })
        const odd = found.findings.filter(one => one.equal < one.compared)
        for (const one of odd)
          log.warn({ check: found.number, ...one }, 'online and offline differ')
      },
      log,
    ),
  )
  const follow = async () => {
    const spec = await parts.fleet.spec()
    if (spec !== undefined) await features.follow(spec)
    lookedAtMs = systemClock.monotonicMs()
  }
  let begun: FleetSpec | undefined
  // Groups of which nothing is read yet change no answer, and a run that begins leaves cores idle.
  const begin = async () => {
    const spec = await parts.fleet.spec()
    if (spec === undefined || spec === begun) return
    begun = spec
    const missing = [...spec.groups.values()].filter(
      ({ name, online }) => online && features.generation(name) === undefined,
    )
    if (missing.length > 0) await features.follow(spec, { groups: missing.map(({ name }) => name) })
  }
  const look = async () => {
    const waitedMs = systemClock.monotonicMs() - lookedAtMs
    const waits = waitedMs < lookAtLeastEveryMs && (await unfinishedRuns(parts.store)).length > 0
    await (waits ? begin() : follow())
  }
  const open = stack.move()
  return {
    features,
    store,
    chance,
    looks: health => ({ online: look, onlineStore: () => probe(store, health, log) }),
    // A store that is away keeps no run from its end.
    fill: () => follow().catch(error => log.error({ err: error }, 'online: will be tried again')),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

const withoutOnline =
  'models answer whose callers send every feature; others as their fallback says, else with 503'
/** No row's: what begins it is no group. */
const nobody = Buffer.from('health')

async function probe(
  store: OnlineStore,
  health: DataPlane['dependencies'],
  log: Logger,
): Promise<void> {
  try {
    await store.read([nobody], () => undefined)
    if (health.back('online')) log.warn('the online store is back')
  } catch (error) {
    const because = asMusterError(error).message
    health.away('online', `${because}; ${withoutOnline}`, systemClock.now())
  }
}

/** One after the other, never two at once; 0 minutes: never. */
function every(minutes: number, work: () => Promise<void>, log: Logger): AsyncDisposable {
  let running: Promise<void> = Promise.resolve()
  let busy = false
  const timer = setInterval(() => {
    if (busy || minutes === 0) return
    busy = true
    running = work()
      .catch(error => log.error({ err: error }, 'online: could not be compared'))
      .finally(() => {
        busy = false
      })
  }, Math.max(1, minutes) * 60_000)
  timer.unref()
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await running
    },
  }
}
