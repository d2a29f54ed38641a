import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { startChild, until } from '../../test/child.ts'
import { adoptFleet, members } from '../../test/fleet.ts'
import { freshDatabase, type TestDatabase } from '../../test/postgres.ts'
import { type Digest, digestOf } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import type { PlanId } from '../base/ids.ts'
import {
  ensureSteps,
  finishStep,
  openQueue,
  openStore,
  type Queue,
  readSteps,
  type Store,
  startStep,
} from './index.ts'

let database: TestDatabase
let store: Store
let queue: Queue

beforeEach(async () => {
  database = await freshDatabase(inject('postgresUrl'))
  store = await openStore(database.url)
  queue = await openQueue(database.url, store)
})

afterEach(async () => {
  await queue.close()
  await store.close()
  await database.drop()
})

/** Steps that a run asked for and that wait. */
async function steps(count: number): Promise<readonly { key: Digest; kind: 'seal' }[]> {
  const { run } = await adoptFleet(store, members(2))
  const asked = Array.from({ length: count }, (_, part) => ({
    key: digestOf(`step ${part}`),
    part,
    input: {
      kind: 'seal' as const,
      run,
      plan: 'p-1' as PlanId,
      fits: [],
      judge: digestOf('judge'),
    },
  }))
  await ensureSteps(store, run, asked)
  return asked.map(({ key }) => ({ key, kind: 'seal' as const }))
}

async function stateOf(key: Digest) {
  return (await readSteps(store, [key])).get(key)
}

test('a step is queued once while it waits or is at work, and again afterwards', async () => {
  const [step] = await steps(1)
  expect(await queue.send([step!])).toBe(1)
  expect(await queue.send([step!])).toBe(0)
  let begun = 0
  let letGo = () => {}
  const held = new Promise<void>(done => {
    letGo = done
  })
  await queue.work(
    async () => {
      begun++
      await held
    },
    { concurrency: 2 },
  )
  await until(() => begun === 1)
  expect(await queue.send([step!])).toBe(0)
  letGo()
  await until(async () => (await queue.send([step!])) === 1)
  await until(() => begun === 2)
})

test('a hundred short steps go through, each once, without waiting for polls', async () => {
  const all = await steps(100)
  const seen: Digest[] = []
  await queue.work(
    async key => {
      await startStep(store, key, 'test')
      seen.push(key)
      await finishStep(store, key, { output: key })
    },
    { concurrency: 4 },
  )
  await store.transaction(sql => queue.send(all, sql))
  await until(() => seen.length >= all.length)
  expect(new Set(seen)).toEqual(new Set(all.map(step => step.key)))
  expect(seen).toHaveLength(all.length)
})

test('what is sent in a transaction that is undone was not sent', async () => {
  const all = await steps(1)
  const undone = store.transaction(async sql => {
    await queue.send(all, sql)
    throw new Error('undo')
  })
  await expect(undone).rejects.toThrow('undo')
  expect(await queue.send(all)).toBe(1)
})

test('a step that throws is tried four times and then failed with its cause', async () => {
  const [step] = await steps(1)
  let attempts = 0
  await queue.send([step!])
  await queue.work(
    async key => {
      await startStep(store, key, 'test')
      attempts++
      throw new MusterError('E_DATA_CORRUPT', 'a data file is not readable')
    },
    { concurrency: 1 },
  )
  await until(async () => (await stateOf(step!.key))?.state === 'failed')
  expect(attempts).toBe(4)
  expect(await stateOf(step!.key)).toMatchObject({
    attempts: 4,
    error: { code: 'E_DATA_CORRUPT', because: 'a data file is not readable' },
  })
  await until(async () => (await queue.dead(10)).length === 1)
  expect(await queue.dead(10)).toMatchObject([{ key: step!.key, kind: 'seal' }])
})

test('the step of a worker that was killed is given to another', async () => {
  const [step] = await steps(1)
  const child = startChild('work-steps', database.url)
  await queue.send([step!])
  expect(await child.line()).toBe(step!.key)
  await child.kill('SIGKILL')
  await queue.work(
    async key => {
      await startStep(store, key, 'test')
      await finishStep(store, key, { output: key })
    },
    { concurrency: 1 },
  )
  await until(async () => (await stateOf(step!.key))?.state === 'done')
  expect(await stateOf(step!.key)).toMatchObject({ attempts: 2, output: step!.key })
})

test('a step that kills its workers is given up after four of them', async () => {
  const [step] = await steps(1)
  await queue.send([step!])
  for (let i = 0; i < 4; i++) {
    const child = startChild('work-steps', database.url)
    expect(await child.line()).toBe(step!.key)
    await child.kill('SIGKILL')
  }
  await until(async () => (await stateOf(step!.key))?.state === 'failed')
  expect(await stateOf(step!.key)).toMatchObject({
    attempts: 4,
    error: { because: 'the process at work on it died, 4 times' },
  })
}, 60_000)

test('after the whole platform was killed, jobs are queued anew at no cost', async () => {
  const all = await steps(2)
  await queue.send(all)
  for (let i = 0; i < 6; i++) {
    const child = startChild('work-steps', database.url)
    expect(await child.line()).toBeDefined()
    expect(await child.line()).toBeDefined()
    await queue.close()
    await child.kill('SIGKILL')
    queue = await openQueue(database.url, store)
    await until(async () => (await queue.recover()) === 0)
  }
  await queue.work(
    async key => {
      await finishStep(store, key, { output: key })
    },
    { concurrency: 2 },
  )
  for (const { key } of all) await until(async () => (await stateOf(key))?.state === 'done')
}, 60_000)

test('closing aborts what is at work and queues it anew', async () => {
  const [step] = await steps(1)
  let begun = false
  await queue.send([step!])
  await queue.work(
    (_, signal) =>
      new Promise((_, fail) => {
        begun = true
        signal.addEventListener('abort', () => fail(signal.reason))
      }),
    { concurrency: 1 },
  )
  await until(() => begun)
  await queue.close()
  queue = await openQueue(database.url, store)
  let done = false
  await queue.work(
    async () => {
      done = true
    },
    { concurrency: 1 },
  )
  await until(() => done)
})
