import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkGroupSelect } from '../features/group-select.ts'
import { type Engine, openEngine } from './engine.ts'
import { readExpression } from './expression.ts'

let engine: Engine
const relation = {
  name: 'my-trips',
  columns: ['happened', 'delay', 'origin', 'a"b', 'select', 'user'].map(name => ({
    name,
    type: '',
  })),
}

beforeAll(async () => {
  engine = await openEngine({ allowedPaths: [] })
  await engine.define(
    `create temp view "my-trips" as
     select timestamp '2001-01-01' as happened, 5 as delay, 'ATL' as origin,
            1 as "a""b", 2 as "select", {'x': 1.5} as "user"`,
  )
})
afterAll(() => engine[Symbol.asyncDispose]())

const read = (text: string) => readExpression(engine, relation, text)
const refused = async (text: string) =>
  read(text).then(
    () => 'accepted',
    error => error.code,
  )

test('an expression has a type and the columns that it reads', async () => {
  expect(await read('hour(HAPPENED)')).toEqual({ type: 'BIGINT', columns: ['happened'] })
  expect(await read('least(delay, 240) > 15')).toEqual({ type: 'BOOLEAN', columns: ['delay'] })
  expect(await read('happened + to_minutes(delay)')).toEqual({
    type: 'TIMESTAMP',
    columns: ['delay', 'happened'],
  })
  expect((await read('"my-trips".delay')).columns).toEqual(['delay'])
  expect((await read('delay.abs()')).columns).toEqual(['delay'])
  expect((await read('"a""b" + "select"')).columns).toEqual(['a"b', 'select'])
  expect((await read('"user".x')).columns).toEqual(['user'])
  expect(await read('Select')).toEqual({ type: 'INTEGER', columns: ['select'] })
  expect(await read('true')).toEqual({ type: 'BOOLEAN', columns: [] })
  expect((await read('list_sum(list_transform([1, 2], z -> z + delay))')).columns).toEqual([
    'delay',
  ])
  expect((await read("case when origin like 'A%;' then 1 end -- so")).columns).toEqual(['origin'])
  expect((await read('coalesce(nullif(delay, 0), 1) /* so */')).columns).toEqual(['delay'])
  expect((await read("extract('hour' from happened) in (1, 2)")).type).toBe('BOOLEAN')
})

test('what is not one expression is refused', async () => {
  const texts = [
    '',
    '1; select 2',
    'delay; --',
    '1), (2',
    '1) from x --',
    '(1',
    '1)',
    '1 /* a',
    '$$a',
  ]
  const more = ['delay as x', 'distinct delay', 'delay order by 1', '1) union select (2']
  const odd = ['nosuchfunction(delay)', 'delay\0', `1 + ${'1 + '.repeat(3_000)}1`]
  for (const text of [...texts, ...more, ...odd]) {
    expect(await refused(text), text).toBe('E_SQL_STATEMENT')
  }
})

test('a column that is a word of SQL is to be quoted', async () => {
  const relation = { name: 'trips', columns: [{ name: 'at', type: 'TIMESTAMP' }] }
  await expect(readExpression(engine, relation, 'hour(at) + 1')).rejects.toMatchObject({
    code: 'E_SQL_STATEMENT',
    hint: 'at is a word of SQL: write "at", in quotes',
  })
  await expect(readExpression(engine, relation, 'hour(at')).rejects.toMatchObject({
    hint: undefined,
  })
})

test('what reaches past its row, or changes by itself, is refused', async () => {
  const reach = ['(select max(delay) from "my-trips")', 'delay in (select 1)', 'exists (select 1)']
  const many = [
    'avg(delay)',
    'count(*)',
    'sum(delay) over ()',
    'lag(delay) over (order by happened)',
  ]
  const loose = ['*', 'columns(*)', '#1', '?', '$1', 'unnest([1, 2])']
  const drift = [
    'random()',
    'now()',
    'uuid()',
    'today()',
    "age(happened) > interval '1' day and ago(interval 1 day) > happened",
  ]
  const session = [
    "getvariable('x')",
    "current_setting('threads')",
    "nextval('s')",
    'current_query()',
  ]
  for (const text of [...reach, ...many, ...loose, ...drift, ...session]) {
    expect(['E_SQL_FORBIDDEN', 'E_SQL_STATEMENT'], text).toContain(await refused(text))
  }
  for (const text of ['current_timestamp', 'session_user', 'rowid', '"muster row"', 'dela']) {
    expect(await refused(text), text).toBe('E_DATA_SCHEMA')
  }
  for (const text of ['length(repeat(origin, 1000000000))', "length(lpad('x', 1000000000, 'y'))"]) {
    expect(await refused(text), text).toBe('E_SQL_MEMORY')
  }
  await expect(read('dela')).rejects.toMatchObject({ hint: 'use `delay`' })
})

test('the SELECT of a group reads its source and nothing else', async () => {
  const check = (sql: string) =>
    checkGroupSelect(engine, sql, 'trips').then(
      () => 'accepted',
      error => error.code,
    )
  const good = [
    'select * from trips where delay > 0',
    'with t as (select *, delay * 2 as double from trips) select * from t',
    'select origin, max(delay) as delay from trips group by origin',
    'select a.* from trips a join trips b on a.origin = b.origin',
  ]
  for (const sql of good) expect(await check(sql), sql).toBe('accepted')
  const bad = [
    'select * from other',
    "select * from read_csv('/etc/passwd')",
    "select * from '/etc/passwd.csv'",
    'select * from trips where delay > (select max(x) from information_schema.tables)',
    'select * from main.trips',
    'select *, random() as r from trips',
    'select *, current_timestamp as r from trips',
    'select * from trips, range(10)',
    'select 1; select 2',
    'drop table trips',
    "copy trips to 'x'",
    'select ? from trips',
    'with recursive t as (select 1 as x union all select x + 1 from t) select * from trips, t',
    'select * from (with recursive t as (select 1 as x union select x from t) select * from t)',
  ]
  for (const sql of bad) {
    expect(['E_SQL_FORBIDDEN', 'E_SQL_STATEMENT'], sql).toContain(await check(sql))
  }
  for (const sql of ['drop table trips', 'hour(happened)', 'select 1; select 2', '']) {
    await expect(checkGroupSelect(engine, sql, 'trips'), sql).rejects.toMatchObject({
      message: expect.not.stringMatching(/expression|json/),
      hint: 'write one SELECT over trips',
    })
  }
})
