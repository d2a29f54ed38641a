import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { freshDatabase } from '../../test/postgres.ts'
import { openBlobs } from '../registry/index.ts'
import { readConnections } from '../sources/index.ts'
import { migrate, openStore, putLetter } from '../store/index.ts'
import type { TriggerStatus } from '../triggers/index.ts'
import type { DeskParts } from './desk-parts.ts'
import { doctor } from './doctor.ts'

const row = (name: string, told: Pick<TriggerStatus, 'state' | 'because' | 'forMs'>) => ({
  name,
  ...told,
})

test('triggers that take nothing and letters that wait are faults', async () => {
  const { url, drop } = await freshDatabase(inject('postgresUrl'))
  const folder = await mkdtemp(join(tmpdir(), 'muster-doctor-'))
  await migrate(url)
  const store = await openStore(url)
  const status = [
    row('order/in', { state: 'connected', because: null, forMs: 5 }),
    row('order/bus', { state: 'away', because: "server does not support 'tls'", forMs: 9_000 }),
  ]
  const blobs = await openBlobs(folder)
  const connections = readConnections({})
  const triggers = { status: () => status, waitingDeliveries: 2 }
  const parts = { store, blobs, connections, triggers, fleet: { spec: async () => undefined } }
  const look = async () => (await doctor(parts as never as DeskParts)).checks
  expect(await look()).toMatchObject([
    { name: 'database', ok: true },
    { name: 'state', ok: true },
    { name: 'disk' },
    { name: 'bytes', ok: true },
    { name: 'runs', ok: true },
    { name: 'letters', ok: true, detail: 'none waits' },
    {
      name: 'triggers',
      ok: false,
      detail: "order/bus is away: server does not support 'tls'; 2 results waiting for sinks",
    },
  ])
  await putLetter(store, { graph: 'order', trigger: 'in', sink: null }, {
    messageId: 'm-1',
    headers: {},
    body: Buffer.from('{}'),
    sizeBytes: 2,
    code: 'E_FEATURE_VALUE',
    cause: 'no number',
    attempts: 1,
  } as never)
  expect(await look()).toContainEqual({
    name: 'letters',
    ok: false,
    detail: '1 waiting; the newest, of order/in: no number',
    cure: 'see them: muster deadletters; then replay or drop them',
  })
  await store.close()
  // Without the database what it does not depend on is told all the same.
  const names = (await look()).map(({ name, ok }) => `${name} ${ok}`)
  expect(names.filter(name => !name.startsWith('disk'))).toEqual([
    'database false',
    'state true',
    'bytes true',
    'triggers false',
  ])
  await drop()
  await rm(folder, { recursive: true })
})
