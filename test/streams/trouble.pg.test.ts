import { expect, inject, test } from 'vitest'
import type { TriggerOrigin } from '../../src/spec/index.ts'
import { listLetters } from '../../src/store/index.ts'
import { double, graphSpec, openWorld, ownTable, triggerSpec } from './world.ts'

/* What is wrong with the database or a sink, and not with the message. */

const http: TriggerOrigin = { kind: 'http', path: 'in' }
const structured = { 'content-type': 'application/cloudevents+json' }

function event(id: string, data: unknown): Uint8Array {
  const attributes = { specversion: '1.0', id, source: '/tests', type: 'test' }
  return Buffer.from(JSON.stringify({ ...attributes, data }))
}

type World = Awaited<ReturnType<typeof openWorld>>
const lettersOf = ({ store }: World) =>
  listLetters(store, { graph: undefined, state: 'waiting', beforeNumber: undefined, limit: 100 })
const outboxOf = async ({ store }: World) =>
  (await store.one<{ rows: number }>('select count(*) as "rows" from outbox'))!.rows

test('a database that cannot store makes messages wait, and none a dead letter', async () => {
  await using world = await openWorld(inject('postgresUrl'), {})
  const node = await world.node({
    graphs: [graphSpec('kept', triggerSpec(http))],
    runGraph: double,
  })
  const input = node.eventsAt('in')
  await input.post(structured, event('k-1', { n: 1 }))
  // Someone drops the table: it is made again.
  await world.store.run('drop table results.kept')
  await input.post(structured, event('k-2', { n: 2 }))
  expect(await world.results('kept')).toEqual(['/tests k-2'])
  // As a disk that is full, a right that was taken away, a standby.
  await world.store.run(`create function refuse() returns trigger language plpgsql as
    $$ begin raise exception 'no room' using errcode = 'disk_full'; end $$`)
  await world.store.run(`create trigger refusing before insert on results.kept
    for each row execute function refuse()`)
  const posts = [3, 4].map(n => input.post(structured, event(`k-${n}`, { n })))
  await world.until('it is told', () => world.logged.some(line => /wait for.*no room/.test(line)))
  expect(await lettersOf(world)).toEqual([])
  await world.store.run('drop trigger refusing on results.kept')
  await Promise.all(posts)
  expect(await world.results('kept')).toEqual(['/tests k-2', '/tests k-3', '/tests k-4'])
  expect(await lettersOf(world)).toEqual([])
})
