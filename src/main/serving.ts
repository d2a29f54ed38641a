import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { systemClock } from '../base/clock.ts'
import { MusterError } from '../base/errors.ts'
import type { AsideVersion, CurrentFleet } from '../control/index.ts'
import type { VectorPlace } from '../features/index.ts'
import type { Blobs } from '../fleet/index.ts'
import {
  type DataPlane,
  type DataPlaneOptions,
  drain,
  drainOptions,
  openDataPlane,
  spreadCallers,
  tenantLimits,
} from '../serve/index.ts'
import type { Store } from '../store/index.ts'
import { CallHistory } from './call-history.ts'
import type { Config } from './config.ts'
import { familySource } from './feature-source.ts'
import { careFor, defaultResidentBytes } from './plane-care.ts'
import { QuarantineKeeper } from './quarantine-keeper.ts'
import { RouteFollower } from './route-follower.ts'

/** What was called how often is written so often: a hint for the next start, and no more. */
const saveEveryMs = 60_000

export interface ServingParts {
  readonly config: Config
  readonly store: Store
  readonly blobs: Blobs
  readonly fleet: CurrentFleet
  readonly vectors: VectorPlace
  readonly environment: string
  readonly log: Logger
  /** Of the data plane, beside what is read from `config`. */
  readonly plane: Pick<DataPlaneOptions, 'metrics'> & Partial<DataPlaneOptions>
}

/** The data plane, and what keeps it up to date and well. */
export interface ServingRole extends AsyncDisposable {
  readonly plane: DataPlane
  readonly follower: RouteFollower
  readonly quarantine: QuarantineKeeper
  /** Level-triggered; each says by what it throws that the database is away. */
  readonly looks: Readonly<Record<'routes' | 'quarantine', () => Promise<unknown>>>
  /** Versions that are not asked at the moment. */
  aside(): readonly AsideVersion[]
  /** To be called once the app listens. */
  spreadCallers(app: FastifyInstance): void
  /** Ends the app when all that it took is answered. */
  drain(app: FastifyInstance): Promise<void>
}

const withoutDatabase =
  'models answer with the routes that were read last; plans, runs, outcomes and pushed rows wait'

/** Says in the health of the plane whether the database answers. */
async function orAway(
  plane: DataPlane,
  look: () => Promise<unknown>,
  log: Logger,
): Promise<unknown> {
  try {
    const done = await look()
    if (plane.dependencies.back('database')) log.warn('the database is back')
    return done
  } catch (error) {
    if (error instanceof MusterError && error.code === 'E_DATABASE') {
      plane.dependencies.away('database', withoutDatabase, systemClock.now())
    }
    throw error
  }
}

function asideVersions(plane: DataPlane): readonly AsideVersion[] {
  const startMs = systemClock.now().getTime() - systemClock.monotonicMs()
  return plane.ejected().map(({ sinceMs, ...version }) => ({
    ...version,
    since: new Date(startMs + sinceMs),
  }))
}

export async function openServing(parts: ServingParts): Promise<ServingRole> {
  const { config, store, blobs, fleet, environment, log } = parts
  const { tenantRowsPerSecond: rowsPerSecond } = config
  const plane = openDataPlane({
    blobs,
    clock: systemClock,
    environment,
    residentBytesMax: config.residentBytes ?? defaultResidentBytes(),
    ...(rowsPerSecond && { tenants: { ...tenantLimits, rowsPerSecond } }),
    ...parts.plane,
  })
  const care = careFor(plane)
  const history = await CallHistory.open(join(config.home, 'serve', 'calls.json'))
  const save = () =>
    history.save(plane.calls()).catch(err => log.warn({ err }, 'calls were not written down'))
  const saving = setInterval(save, saveEveryMs)
  saving.unref()
  const follower = new RouteFollower({
    store,
    blobs,
    plane,
    environment,
    log,
    sourceOf: frame => familySource(frame, parts.vectors, systemClock),
    servingOf: async blueprint => (await fleet.blueprint(blueprint))?.serving,
    callsOf: blueprint => history.callsOf(blueprint),
  })
  const quarantine = new QuarantineKeeper({ store, plane, environment, clock: systemClock })
  let isWarm = false
  const followRoutes = async (): Promise<void> => {
    await orAway(plane, () => follower.follow(), log)
    if (isWarm) return
    isWarm = true
    await plane.prewarm(history.mostCalled)
  }
  return {
    plane,
    follower,
    quarantine,
    looks: { routes: followRoutes, quarantine: () => quarantine.look() },
    aside: () => asideVersions(plane),
    spreadCallers: app => spreadCallers(app.server, plane),
    drain: app => drain(app, plane, { ...drainOptions, noticeMs: config.drainNoticeMs ?? 0 }),
    async [Symbol.asyncDispose]() {
      clearInterval(saving)
      care[Symbol.dispose]()
      await save()
      plane.close()
    },
  }
}
