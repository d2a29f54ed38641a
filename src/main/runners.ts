import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import { systemClock } from '../base/clock.ts'
import { isDigest } from '../base/digest.ts'
import type { ImportedParts } from '../control/index.ts'
import type { Blobs } from '../fleet/index.ts'
import { RunnerPool, runnerLimits, trySandbox } from '../runners/index.ts'
import { ImportedFleet } from '../serve/index.ts'
import { importedAfter, quarantineImported, type Store } from '../store/index.ts'
import { CallHistory } from './call-history.ts'

/*
 * The runners of this server and the imported models in them: started in empty folders, told what
 * is recorded, warmed by what was called before the last end.
 */

export interface RunnersConfig {
  readonly home: string
  /** Runner processes; a model belongs to one of them. */
  readonly runners?: number | undefined
  /** MiB that the models of one runner may take. */
  readonly runnerMemoryMb?: number | undefined
}

export interface RunnersRole extends ImportedParts, AsyncDisposable {
  readonly fleet: ImportedFleet
  readonly pool: RunnerPool
}

const mebibyte = 1_048_576
/** What a run may take on top of the models of its runner. */
const runMemoryBytes = 512 * mebibyte
/** Versions that one look reads. */
const pageSize = 1_000
/** Models that a start loads before they are called. */
const prewarmMax = 1_000
/** Between two writings of what was called. */
const historyMs = 60_000

export async function openRunners(
  { home, runners, runnerMemoryMb }: RunnersConfig,
  { store, blobs, log }: { store: Store; blobs: Pick<Blobs, 'get'>; log: Logger },
): Promise<RunnersRole> {
  const folder = join(home, 'runners')
  const empty = join(folder, 'empty')
  await rm(empty, { recursive: true, force: true })
  await mkdir(empty, { recursive: true })
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const entry = fileURLToPath(new URL(`../runners/start-runner.${extension}`, import.meta.url))
  const node = process.execPath
  const { before, missing } = await trySandbox({ node, entry })
  if (missing.length > 0) log.warn({ missing }, 'runners are less shut in on this machine')
  const command = { node, entry, before, folder: empty }
  const budgetBytes = runnerMemoryMb ? runnerMemoryMb * mebibyte : runnerLimits.budgetBytes
  const shards = runners ?? runnerLimits.shards
  const pool = new RunnerPool({
    clock: systemClock,
    command,
    limits: { shards, budgetBytes, capBytes: budgetBytes + runMemoryBytes },
    bytesOf: digest => blobs.get(digest),
    lost: ({ model, because }) => log.warn({ model: model.label, because }, 'a runner was lost'),
    quarantined: (model, because) => {
      log.error({ model: model.label, because }, 'a model is not run any more')
      void quarantineImported(store, model.digest, because).catch(error =>
        log.error({ err: error }, 'a quarantine holds until the end of this server only'),
      )
    },
    failedStart: end => log.error({ end }, 'a runner ended before it was up'),
    uncapped: () => log.warn('the memory of runners is not capped by the kernel on this machine'),
  })
  const history = await CallHistory.open(join(folder, 'called.json'))
  const called = new Map<string, number>()
  const fleet = new ImportedFleet(pool, ({ digest }) => {
    called.set(digest, (called.get(digest) ?? 0) + 1)
  })
  const save = () =>
    history.save(called).catch(error => {
      log.warn({ err: error }, 'what is called is not remembered for the next start')
    })
  let change = 0
  let following: Promise<void> = Promise.resolve()
  const read = async () => {
    const isFirst = change === 0
    for (;;) {
      const changed = await importedAfter(store, change, pageSize)
      fleet.take(changed)
      change = changed.at(-1)?.change ?? change
      if (changed.length < pageSize) break
    }
    if (isFirst) fleet.prewarm(history.mostCalled.slice(0, prewarmMax).filter(isDigest))
  }
  const saving = setInterval(save, historyMs)
  saving.unref()
  await read()
  return {
    fleet,
    pool,
    probation: { clock: systemClock, command, budgetBytes },
    follow: () => {
      // One after the other: two at once would take the same changes in any order.
      following = following.catch(() => undefined).then(read)
      return following
    },
    async [Symbol.asyncDispose]() {
      clearInterval(saving)
      pool[Symbol.dispose]()
      await save()
    },
  }
}
