import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import type { Digest } from '../../src/base/digest.ts'
import type { FamilyRoutes, ModelRecord } from '../../src/fleet/index.ts'
import { Deliveries } from '../../src/intake/index.ts'
import {
  apply,
  carryOutStep,
  codeVersion,
  Loop,
  propose,
  type StepQueue,
  type WorkerParts,
} from '../../src/reconcile/index.ts'
import { type BlobFolder, openBlobs } from '../../src/registry/index.ts'
import { readConnections } from '../../src/sources/index.ts'
import {
  type CreatedRun,
  familyRoutes,
  modelsOf,
  openStore,
  type Store,
  type StoredPlan,
} from '../../src/store/index.ts'
import { freshDatabase } from '../postgres.ts'
import { header, salesRows } from './shop-sales.ts'

/*
 * A whole Muster in one process, without its server: a folder with data, real blobs and a database
 * of its own. Steps are taken by hand, in the order in which the loop sends them, so that a test
 * decides what is lost, doubled or late.
 */

/** Steps that were sent and not taken yet; one sent twice waits once, as in the real queue. */
class HandQueue implements StepQueue {
  readonly waiting = new Set<Digest>()

  async send(steps: readonly { readonly key: Digest }[]): Promise<void> {
    for (const { key } of steps) this.waiting.add(key)
  }

  take(): Digest | undefined {
    const [key] = this.waiting
    if (key !== undefined) this.waiting.delete(key)
    return key
  }
}

export class World implements AsyncDisposable {
  readonly store: Store
  readonly blobs: BlobFolder
  readonly queue = new HandQueue()
  readonly loop: Loop
  readonly worker: WorkerParts
  readonly folder: string
  /** Of the database, for a second session. */
  readonly url: string
  /** The declaration that the next plan reads. */
  yaml = ''
  /** What its sources may name. */
  connections = readConnections({})
  readonly #drop: () => Promise<void>

  constructor(
    folder: string,
    store: Store,
    blobs: BlobFolder,
    database: Awaited<ReturnType<typeof freshDatabase>>,
  ) {
    this.folder = folder
    this.store = store
    this.blobs = blobs
    this.url = database.url
    this.#drop = database.drop
    const code = codeVersion()
    this.loop = new Loop({ store, blobs, queue: this.queue, code })
    this.worker = { store, blobs, clock: systemClock, code, worker: 'test', peakRssBytes: () => 0 }
  }

  /** Adds a file of data; the header comes by itself. */
  async addSales(file: string, rows: string): Promise<void> {
    await writeFile(join(this.folder, 'sales', file), `${header}\n${rows}`)
  }

  async appendSales(file: string, rows: string): Promise<void> {
    await appendFile(join(this.folder, 'sales', file), rows)
  }

  async plan(yaml = this.yaml): Promise<StoredPlan> {
    this.yaml = yaml
    const { store, blobs, folder, connections } = this
    const files = [{ path: 'muster.yaml', text: yaml }]
    const at = { store, blobs, fleetFolder: folder, connections, clock: systemClock }
    return (await propose(files, at)).plan
  }

  apply(plan: Pick<StoredPlan, 'id'>): Promise<readonly CreatedRun[]> {
    return apply(plan.id, undefined, this)
  }

  /** Looks and works until no run is under way. */
  async settle(): Promise<void> {
    while ((await this.loop.activate()) > 0) {
      for (let key = this.queue.take(); key; key = this.queue.take()) {
        await carryOutStep(key, this.worker)
      }
    }
  }

  /** Plans, applies and settles: one turn of the whole loop. */
  async follow(yaml = this.yaml): Promise<{ plan: StoredPlan; runs: readonly CreatedRun[] }> {
    const plan = await this.plan(yaml)
    const runs = await this.apply(plan)
    await this.settle()
    return { plan, runs }
  }

  async models(blueprint: string): Promise<ReadonlyMap<string, ModelRecord>> {
    return new Map((await modelsOf(this.store, blueprint)).map(m => [m.name, m]))
  }

  /** Versions that serve, by model. */
  async serving(blueprint: string): Promise<Readonly<Record<string, number>>> {
    const routes: FamilyRoutes | undefined = await familyRoutes(this.store, 'prod', blueprint)
    return Object.fromEntries((routes?.routes ?? []).map(r => [r.model, r.version]))
  }

  /**
   * Every row of every table of ours, by the transaction that wrote it last: equal texts mean that
   * nothing was written in between.
   */
  async rowMarks(): Promise<Readonly<Record<string, string>>> {
    const tables = await this.store.all<{ name: string }>(
      `select table_name as "name" from information_schema.tables
       where table_schema = 'public' and table_type = 'BASE TABLE' order by 1`,
    )
    const marks: Record<string, string> = {}
    for (const { name } of tables) {
      const row = await this.store.one<{ marks: string }>(
        `select count(*) || ' ' || coalesce(md5(string_agg(t.xmin::text || t.ctid::text, ','
           order by t.ctid)), '') as "marks" from "${name}" t`,
      )
      marks[name] = row?.marks ?? ''
    }
    return marks
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close()
    await this.#drop()
    await rm(this.folder, { recursive: true, force: true })
  }
}

/** A world with the usual 200 days of sales, or those given. */
export async function openWorld(serverUrl: string, rows = salesRows()): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-loop-'))
  await mkdir(join(folder, 'sales'))
  const database = await freshDatabase(serverUrl)
  const store = await openStore(database.url)
  const world = new World(folder, store, await openBlobs(join(folder, 'blobs')), database)
  await world.addSales('2024.csv', rows)
  return world
}

/** What takes pushed rows in, for a desk over this world. */
export function deliveriesOf({ store, blobs, folder }: World): Deliveries {
  const connections = readConnections({})
  return new Deliveries({ store, blobs, clock: systemClock, fleetFolder: folder, connections })
}
