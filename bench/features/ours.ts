import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { openWriter } from '../../src/engine/index.ts'
import { buildFrame, type FrameRows, readManifest, readPart } from '../../src/features/index.ts'
import type { SourceData } from '../../src/fleet/index.ts'
import { openBlobs } from '../../src/registry/index.ts'
import { isKept } from '../../src/spec/index.ts'
import { joinFleet } from './join-fleet.ts'
import { keepSources } from './keep-sources.ts'

/*
 * Our side of the historical join, as a process: the frame of a view whose rows are the spine, from
 * files as they were written (`files`) or from our own partitions, sorted by entity (`store`).
 * What a run ends with are Arrow tables in this process: the parts of the frame, whose bytes have
 * been made durable and digested on the way.
 */

const [how, folder, viewCount] = [process.argv[2], process.argv[3]!, Number(process.argv[4])]
const scratch = mkdtempSync(join(tmpdir(), 'muster-bench-'))
const blobs = await openBlobs(join(scratch, 'blobs'))
const { sources, groups, view } = joinFleet(folder, viewCount, how === 'store')

const startedMs = performance.now()
const data: SourceData[] = await keepSources(sources, folder, blobs)
const buildMs = how === 'store' ? performance.now() - startedMs : 0
const kept = sources.filter(isKept).length
say({ ready: true, buildMs, kept })

let parts: FrameRows[] = []
for await (const line of createInterface({ input: process.stdin })) {
  const [word, path] = line.split(' ')
  if (word === 'run') say(await run())
  else if (word === 'write') say({ written: await write(path!) })
  else say({ peakRssMb: process.resourceUsage().maxRSS / 1_024 })
}
rmSync(scratch, { recursive: true, force: true })

async function run() {
  parts = []
  const started = performance.now()
  const cpu = process.cpuUsage()
  const input = { kind: 'frame' as const, view, groups, sources: data, key: ['entity'] }
  const manifest = await readManifest(
    await buildFrame(input, { blobs, progress: () => {}, threads: 2 }),
    blobs,
  )
  for (let part = 0; part < manifest.parts.length; part++) {
    parts.push(await readPart(manifest, part, blobs))
  }
  const wallMs = performance.now() - started
  const { user, system } = process.cpuUsage(cpu)
  // The next run must do the work again, not find its bytes.
  for (const { digest } of manifest.parts) rmSync(await blobs.path(digest), { force: true })
  return { wallMs, cpuSeconds: (user + system) / 1e6, rows: manifest.rows }
}

/** The last frame as Parquet, in the columns of the peers. */
async function write(path: string): Promise<number> {
  await using writer = await openWriter({ allowedPaths: [], scratch })
  const names = view.features.map(feature => feature.name)
  await writer.run(`create table joined (${names.map(name => `"${name}" float`).join(', ')})`)
  const appender = await writer.appender('joined')
  let rows = 0
  for (const part of parts) {
    for (let row = 0; row < part.rows; row++) {
      for (const column of part.features) {
        if (Number.isNaN(column[row]!)) appender.appendNull()
        else appender.appendFloat(column[row]!)
      }
      appender.endRow()
    }
    rows += part.rows
  }
  appender.closeSync()
  const written = await writer.parquet('select * from joined', 'joined.parquet')
  copyFileSync(written, path)
  return rows
}

function say(answer: object): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
