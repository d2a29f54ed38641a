import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { type Server, startServer } from '../../src/main/up.ts'
import { countRoutes } from '../../src/store/index.ts'
import { until } from '../child.ts'
import { freshDatabase } from '../postgres.ts'
import { transcript } from './transcript.ts'

/*
 * Commands in, exact text out. What a script prints is read and agreed to like code: update it with
 * `vitest run test/scripts -u` and look at the difference.
 */

/** Models that the data plane answers by. */
async function answering(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(/^muster_models_serving(?:{.*})? (\d+)/m.exec(text)?.[1])
}

async function routes({ store }: Server): Promise<number> {
  return (await countRoutes(store)).reduce((sum, { models }) => sum + models, 0)
}

const here = import.meta.dirname
const scripts = readdirSync(here).filter(file => file.endsWith('.cmds'))

test.each(scripts)('%s prints what it printed', { timeout: 120_000 }, async file => {
  const database = await freshDatabase(inject('postgresUrl'))
  const folder = await mkdtemp(join(tmpdir(), 'muster-script-'))
  // What a script finds in its folder when it begins.
  const given = join(here, file.replace(/\.cmds$/, ''))
  if (existsSync(given)) await cp(given, folder, { recursive: true })
  try {
    await using server = await startServer({
      home: join(folder, '.muster'),
      fleetFolder: folder,
      host: '127.0.0.1',
      port: 0,
      databaseUrl: database.url,
      workers: 1,
    })
    const { port } = new URL(server.url)
    const text = await transcript(readFileSync(join(here, file), 'utf8'), {
      folder,
      env: { MUSTER_PORT: port },
      routed: () => until(async () => (await answering(server.url)) === (await routes(server))),
    })
    await expect(text).toMatchFileSnapshot(join(here, file.replace(/\.cmds$/, '.out')))
  } finally {
    await database.drop()
    await rm(folder, { recursive: true, force: true })
  }
})
