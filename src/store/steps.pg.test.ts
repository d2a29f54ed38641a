import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { adoptFleet, members } from '../../test/fleet.ts'
import { freshDatabase, type TestDatabase } from '../../test/postgres.ts'
import { digestOf } from '../base/digest.ts'
import type { PlanId, RunId } from '../base/ids.ts'
import type { WorkInput } from '../fleet/index.ts'
import {
  ensureSteps,
  failStep,
  finishStep,
  listen,
  type Notice,
  openStore,
  progressStep,
  readRun,
  reopenStep,
  runStatus,
  type Store,
  setBackStep,
  startStep,
  stepAttemptsMax,
  stepsOf,
} from './index.ts'

let database: TestDatabase
let store: Store
let run: RunId
let word = 0

beforeAll(async () => {
  database = await freshDatabase(inject('postgresUrl'))
  store = await openStore(database.url)
  run = (await adoptFleet(store, members(2))).run
})

beforeEach(() => {
  word++
})

afterAll(async () => {
  await store.close()
  await database.drop()
})

/** A step of its own for each test. */
function step(part = 0) {
  const input: WorkInput = {
    kind: 'seal',
    run,
    plan: 'p-1' as PlanId,
    fits: [],
    judge: digestOf(`${word}`),
  }
  return { key: digestOf(`step ${word} ${part}`), part: word * 100 + part, input }
}

test('steps are made once, however often they are asked for', async () => {
  const asked = [step(0), step(1)]
  const first = await ensureSteps(store, run, asked)
  expect(first.map(s => s.state)).toEqual(['waiting', 'waiting'])
  expect(await ensureSteps(store, run, asked)).toEqual(first)
  expect(await stepsOf(store, run)).toMatchObject(asked.map(({ key, part }) => ({ key, part })))
  const more = await Promise.all([1, 2, 3].map(() => ensureSteps(store, run, [step(2)])))
  expect(new Set(more.map(([s]) => s?.key)).size).toBe(1)
})

test('the attempt is counted before it runs, and the run runs with it', async () => {
  const { key } = step()
  await ensureSteps(store, run, [step()])
  expect(await startStep(store, key, 'a')).toMatchObject({ state: 'started', attempt: 1 })
  expect(await startStep(store, key, 'b')).toMatchObject({ state: 'started', attempt: 2 })
  expect((await readRun(store, run))?.state).toBe('running')
  await progressStep(store, key, { done: 10, total: 100, unit: 'rows' })
  const status = (await runStatus(store, [run])).find(s => s.part === step().part)
  expect(status).toMatchObject({ state: 'running', done: 10, total: 100, unit: 'rows' })
})

test('the first output stays, and a step that is done does not begin again', async () => {
  const { key } = step()
  await ensureSteps(store, run, [step()])
  await startStep(store, key, 'a')
  const [one, other] = [digestOf('one'), digestOf('other')]
  expect(await finishStep(store, key, { output: one, seconds: 2, peakRssBytes: 5e9 })).toBe(one)
  expect(await finishStep(store, key, { output: other })).toBe(one)
  await failStep(store, key, { code: 'E_INTERNAL', because: 'too late' })
  expect(await startStep(store, key, 'b')).toEqual({ state: 'done', output: one })
  const [now] = await ensureSteps(store, run, [step()])
  expect(now).toMatchObject({ state: 'done', output: one, seconds: 2, peakRssBytes: 5e9 })
  await reopenStep(store, key)
  expect(await startStep(store, key, 'c')).toMatchObject({ state: 'started', attempt: 1 })
})

test('a step that was done before the run was made is found, and not spent', async () => {
  const { key, part } = step()
  await ensureSteps(store, run, [step()])
  const found = async () => (await runStatus(store, [run])).find(s => s.part === part)?.found
  expect(await found()).toBe(false)
  await startStep(store, key, 'a')
  await finishStep(store, key, { output: digestOf('found'), seconds: 2 })
  expect(await found()).toBe(false)
  await store.run('update run set created_at = now() where id = $1', [run])
  expect(await found()).toBe(true)
})

test('a failed step stays failed for its run, and waits again for the next', async () => {
  const { key } = step()
  await ensureSteps(store, run, [step()])
  await startStep(store, key, 'a')
  const error = { code: 'E_DATA_CORRUPT', because: 'a data file is not readable' }
  await setBackStep(store, key, error)
  expect(await ensureSteps(store, run, [step()])).toMatchObject([{ state: 'waiting', error }])
  await failStep(store, key, error)
  expect(await startStep(store, key, 'a')).toEqual({ state: 'failed', error })
  expect(await ensureSteps(store, run, [step()])).toMatchObject([{ state: 'failed' }])
  await store.run(
    `insert into run (plan, blueprint, because, members, work) values ('p-1', $1, '', 1, '{}')`,
    [`other-${word}`],
  )
  const next = await store.one<{ id: RunId }>('select id from run order by number desc limit 1')
  expect(await ensureSteps(store, next!.id, [step()])).toMatchObject([
    { state: 'waiting', attempts: 0, error: null },
  ])
})

test('a step that never ends is given up', async () => {
  const { key } = step()
  await ensureSteps(store, run, [step()])
  for (let i = 0; i < stepAttemptsMax; i++) {
    expect(await startStep(store, key, 'a')).toMatchObject({ state: 'started' })
  }
  expect(await startStep(store, key, 'a')).toMatchObject({ state: 'failed' })
  expect(await startStep(store, digestOf('none'), 'a')).toEqual({ state: 'unknown' })
})

test('what changed is said at commit, and a broken listener comes back with resync', async () => {
  const heard: Notice[] = []
  let wake = () => {}
  const until = async (claim: () => boolean) => {
    while (!claim()) {
      await new Promise<void>(done => {
        wake = done
      })
    }
  }
  await using listener = await listen(database.url, notice => {
    heard.push(notice)
    wake()
  })
  expect(listener).toBeDefined()
  const { key } = step()
  await ensureSteps(store, run, [step()])
  await startStep(store, key, 'a')
  await until(() => heard.some(n => n.kind === 'step' && n.key === key && n.runs.includes(run)))
  heard.length = 0
  await store.run(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name = 'muster listen' and datname = current_database()`,
  )
  await until(() => heard.some(n => n.kind === 'resync'))
  await finishStep(store, key, { output: digestOf('x') })
  await until(() => heard.some(n => n.kind === 'step' && n.key === key))
})
