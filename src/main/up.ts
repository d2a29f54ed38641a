import { join } from 'node:path'
import type { Logger } from 'pino'
import { systemClock } from '../base/clock.ts'
import { CurrentFleet, type DeskParts } from '../control/index.ts'
import { openOnDemand } from '../features/index.ts'
import { Deliveries, type IntakeAt, type PushAt } from '../intake/index.ts'
import { codeVersion, Loop, stepKey } from '../reconcile/index.ts'
import { openBlobs } from '../registry/index.ts'
import { ScoreLoop } from '../score/index.ts'
import { openServeMetrics } from '../serve/index.ts'
import { readConnections } from '../sources/index.ts'
import {
  listen,
  migrate,
  openQueue,
  openStore,
  ownStateFolder,
  type Store,
  startEmbedded,
  useAlone,
} from '../store/index.ts'
import type { Config } from './config.ts'
import { openFrameBuilds } from './frame-builds.ts'
import { openGraphs } from './graphs.ts'
import { openJournalRole } from './journal.ts'
import { openLog } from './log.ts'
import { type OnlineRole, openOnline } from './online.ts'
import { packageVersion } from './package-version.ts'
import { checkPort } from './ports.ts'
import { openRims } from './rims.ts'
import { openRunners } from './runners.ts'
import { openServing } from './serving.ts'
import { openTriggers } from './triggers.ts'
import { type Wake, Wakes } from './wake.ts'
import { openTracing, watchRunners, watchTriggers } from './watch.ts'
import { Workers } from './workers.ts'

/** The environment that this server answers for, until roles are set apart. */
const servedEnvironment = 'prod'
/** Between two looks of the loop: a burst of notices is one. */
const loopPauseMs = 50

/** A server that is up: control and serve in this process, work in its children. */
export interface Server extends AsyncDisposable {
  readonly url: string
  /** Where gRPC is served; undefined: nowhere. */
  readonly grpc: string | undefined
  readonly store: Store
  /** Pids that belong to it beside its children: the database's. */
  readonly pids: readonly number[]
}

/**
 * Starts every role on this machine, in the order of their needs, and closes them in reverse.
 * Throws E_BIND, E_STATE_OWNED, E_STATE_FOLDER, E_DATABASE, E_DATABASE_OWNED, E_SCHEMA_NEWER.
 */
export async function startServer(config: Config): Promise<Server> {
  await using stack = new AsyncDisposableStack()
  await checkPort(config)
  stack.use(await ownStateFolder(config.home))
  const log = openLog(config.home, 'control')
  const wakes = new Wakes()
  const records = await openRecords(config, stack, { log, turned: () => wakes.hear() })
  const { databaseUrl, store, blobs, queue, postmaster } = records
  const connections = config.connections ?? readConnections({})
  const { fleetFolder, dataRoots = [] } = config
  const fleet = new CurrentFleet(store)
  const intake = { store, blobs, clock: systemClock, fleetFolder, dataRoots, connections }
  const answering = await openAnswering({ config, records, fleet, intake, log }, stack)
  const { runners, metrics, tracing, online, kept, vectors, serving } = answering
  const { plane } = serving
  stack.use(await listen(databaseUrl, notice => wakes.hear(notice)))
  const beforeDone = async (): Promise<void> => {
    await serving.follower.follow()
    await online.fill()
  }
  const code = codeVersion()
  const loop = new Loop({ store, blobs, queue, code, beforeDone })
  const scores = new ScoreLoop({ store, blobs, queue, keyOf: input => stepKey(input, code) })
  const graphs = openGraphs({ plane, fleet })
  const deliveries = stack.use(openDeliveries(intake, online, log))
  const about = { config, store, log }
  // One call of a shard may be the message's own.
  const isBusy = () =>
    plane.strain !== 'none' || runners.pool.status().some(({ waiting }) => waiting > 1)
  const served = { graphs: graphs.served, isBusy, tracing }
  const triggers = stack.use(openTriggers({ ...about, ...served, connections, fleet, deliveries }))
  watchTriggers(metrics.registry, () => triggers.triggers.status())
  const carrying = { loop: () => loop.activate(), scores: () => scores.activate() }
  const looks = {
    ...serving.looks,
    ...online.looks(plane.dependencies),
    graphs: () => graphs.look(),
    triggers: () => triggers.look(),
    imported: () => runners.follow(),
    journal: () => kept.look(plane.dependencies),
  }
  stack.use(keepLooking(wakes.steps, log, carrying))
  stack.use(keepLooking(wakes.others, log, looks))
  stack.use(new Workers(config.workers, { databaseUrl, home: config.home }, log))

  const parts: DeskParts = {
    ...intake,
    fleet,
    online,
    imported: runners,
    predictions: kept.predictions,
    graphs: graphs.served,
    triggers: triggers.triggers,
    tables: { vectors, frames: openFrameBuilds(config.home) },
    deliveries,
    startedAt: systemClock.now(),
    version: packageVersion,
    wake: () => wakes.hear(),
    changed: signal => wakes.watchers.next(signal),
  }
  const rims = stack.use(await openRims({ config, serving, metrics, parts, tracing, log }))
  const up = stack.move()
  return {
    url: rims.url,
    grpc: rims.grpc,
    store,
    pids: postmaster ? [postmaster] : [],
    [Symbol.asyncDispose]: () => up.disposeAsync(),
  }
}

/** Whoever answers, and what answers are made of and kept in; each ends with the stack. */
async function openAnswering(
  parts: {
    readonly config: Config
    readonly records: Awaited<ReturnType<typeof openRecords>>
    readonly fleet: CurrentFleet
    readonly intake: IntakeAt
    readonly log: Logger
  },
  stack: AsyncDisposableStack,
) {
  const { config, fleet, intake, log } = parts
  const { databaseUrl, store, blobs } = parts.records
  const runners = stack.use(await openRunners(config, { store, blobs, log }))
  const metrics = openServeMetrics()
  const { registry } = metrics
  const tracing = stack.use(openTracing(config.tracing, registry))
  watchRunners(registry, runners.pool)
  const online = stack.use(await openOnline({ config, store, blobs, fleet, intake, registry, log }))
  const kept = stack.use(
    await openJournalRole({ config, databaseUrl, store, blobs, registry, log }),
  )
  const vectors = { onDemand: stack.use(await openOnDemand()), online: online.features }
  const serving = stack.use(
    await openServing({
      config,
      store,
      blobs,
      fleet,
      vectors,
      environment: servedEnvironment,
      log,
      plane: { metrics, imported: runners.fleet, sink: kept.journal },
    }),
  )
  return { runners, metrics, tracing, online, kept, vectors, serving }
}

/** What is pushed is served when its sender is answered. */
function openDeliveries(intake: IntakeAt, online: OnlineRole, log: Logger): Deliveries {
  const pushed: PushAt['pushed'] = rows => online.features.apply(rows)
  return new Deliveries({ ...intake, pushed, log: line => log.error(line) })
}

/** What is recorded and stored: the database, which is started where there is none, and blobs. */
async function openRecords(
  config: Config,
  stack: AsyncDisposableStack,
  { log, turned }: { readonly log: Logger; readonly turned: () => void },
) {
  const embedded = config.databaseUrl
    ? undefined
    : stack.use(
        await startEmbedded({
          folder: join(config.home, 'postgres'),
          clock: systemClock,
          log: line => log.info(line),
        }),
      )
  const databaseUrl = config.databaseUrl ?? embedded!.url
  await migrate(databaseUrl)
  if (config.databaseUrl) stack.use(await useAlone(databaseUrl, line => log.error(line)))
  const store = stack.use(await openStore(databaseUrl, { turned }))
  const blobs = await openBlobs(join(config.home, 'blobs'))
  const queue = stack.use(await openQueue(databaseUrl, store, { log: line => log.warn(line) }))
  await queue.recover()
  return { databaseUrl, store, blobs, queue, postmaster: await embedded?.pid() }
}

/** Calls each look at every wake and every few seconds, one at a time, until it is disposed of. */
function keepLooking(
  wake: Wake,
  log: Logger,
  looks: Readonly<Record<string, () => Promise<unknown>>>,
): AsyncDisposable {
  const ending = new AbortController()
  const keep = async ([what, look]: readonly [string, () => Promise<unknown>]) => {
    while (!ending.signal.aborted) {
      const next = wake.next(ending.signal)
      try {
        await look()
      } catch (error) {
        log.error({ err: error }, `${what}: will be tried again`)
      }
      await next
      await new Promise(resolve => setTimeout(resolve, loopPauseMs))
    }
  }
  const running = Object.entries(looks).map(keep)
  return {
    async [Symbol.asyncDispose]() {
      ending.abort()
      await Promise.all(running)
    },
  }
}
