import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { emptyDatabase, type TestDatabase } from '../../test/postgres.ts'
import { aSource } from '../engine/small-data.fixture.ts'
import type { Blobs } from '../fleet/index.ts'
import { openBlobs } from '../registry/index.ts'
import type { PostgresLocation, SourceSpec } from '../spec/index.ts'
import { probeConnection, readBeyond, readConnections, takeSnapshot } from './index.ts'

let database: TestDatabase
let client: pg.Client
let folder: string
let blobs: Blobs
let connections: ReturnType<typeof readConnections>

beforeAll(async () => {
  database = await emptyDatabase(inject('postgresUrl'))
  client = await connected()
  folder = mkdtempSync(join(tmpdir(), 'muster-postgres-'))
  blobs = await openBlobs(join(folder, 'blobs'))
  connections = readConnections({
    MUSTER_CONNECTION_SHOP: database.url,
    MUSTER_CONNECTION_AWAY: 'postgres://reader:hunter2@127.0.0.1:1/shop',
    MUSTER_CONNECTION_STRANGER: database.url.replace(/:\/\/[^@]*@/, '://nobody:hunter2@'),
    MUSTER_CONNECTION_LAKE: 's3://key:hunter2@127.0.0.1:1/lake',
  })
})

afterAll(async () => {
  await client.end()
  await database.drop()
  expect(readdirSync(blobs.scratch)).toEqual([])
  rmSync(folder, { recursive: true })
})

async function connected(): Promise<pg.Client> {
  const fresh = new pg.Client({ connectionString: database.url })
  await fresh.connect()
  return fresh
}

function table(where: Partial<PostgresLocation>, more: Partial<SourceSpec> = {}): SourceSpec {
  const none = { table: undefined, query: undefined, cursor: undefined }
  const location = { postgres: { connection: 'shop', ...none, ...where } }
  return aSource('', { location, eventTime: undefined, ...more })
}

const take = (source: SourceSpec) =>
  takeSnapshot(source, { fleetFolder: folder, blobs, connections })
const refused = (source: SourceSpec) =>
  take(source).then(
    () => ({ code: 'taken', message: '', hint: '', at: { path: [] as readonly string[] } }),
    error => error as { code: string; message: string; hint: string; at: { path: string[] } },
  )

async function parquetRows(path: string, columns = '*'): Promise<unknown[]> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const reader = await connection.runAndReadAll(
    `select ${columns} from read_parquet('${path}', file_row_number = true) order by file_row_number`,
  )
  const rows = reader.getRowsJson()
  connection.closeSync()
  instance.closeSync()
  return rows
}

test('types of PostgreSQL have their counterparts', async () => {
  await client.query(`create type mood as enum ('glad', 'sad');
    create domain small as int2;
    create table kinds (
      i2 small, i4 int4, i8 int8, f4 float4, f8 float8, n numeric, d numeric(12,3),
      wide numeric(50,2), b bool, t text, v varchar(9), c char(3), u uuid, j json, jb jsonb,
      e mood, day date, ts timestamp, tz timestamptz);
    insert into kinds values (
      -5, 7, 9007199254740993, 1.5, 0.1, 1e20, 12.345, 9, true, E'a"b''c\\n\\U0001F600', '', 'ab',
      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a": 1}', '{"a":1}', 'sad', '2024-02-29',
      '2024-02-29 12:00:00.123456', '2024-02-29 12:00:00+05:30')`)
  await client.query('insert into kinds default values')
  await client.query(
    "insert into kinds (f4, f8, n, ts) values ('nan', '-infinity', 'nan', 'infinity')",
  )
  const snapshot = await take(table({ table: 'kinds' }, { eventTime: 'tz' }))
  expect(snapshot.columns.map(c => `${c.name} ${c.type}`).join(', ')).toMatchInlineSnapshot(
    `"i2 SMALLINT, i4 INTEGER, i8 BIGINT, f4 FLOAT, f8 DOUBLE, n DOUBLE, d DECIMAL(12,3), wide DOUBLE, b BOOLEAN, t VARCHAR, v VARCHAR, c VARCHAR, u VARCHAR, j VARCHAR, jb VARCHAR, e VARCHAR, day DATE, ts TIMESTAMP, tz TIMESTAMP"`,
  )
  expect(snapshot).toMatchObject({ rows: 3, fromMs: Date.UTC(2024, 1, 29, 6, 30) })
  const texts = snapshot.columns.map(c => `"${c.name}"::varchar`).join(', ')
  expect(
    await parquetRows(await blobs.path(snapshot.files[0]!.digest), texts),
  ).toMatchInlineSnapshot(`
    [
      [
        "-5",
        "7",
        "9007199254740993",
        "1.5",
        "0.1",
        "1e+20",
        "12.345",
        "9.0",
        "true",
        "a"b'c
    😀",
        "",
        "ab ",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "{"a": 1}",
        "{"a": 1}",
        "sad",
        "2024-02-29",
        "2024-02-29 12:00:00.123456",
        "2024-02-29 06:30:00",
      ],
      [
        null,
        null,
        null,
        "nan",
        "-inf",
        "nan",
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        "infinity",
        null,
      ],
      [
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
      ],
    ]
  `)
})

test('what has no counterpart is refused by the name of its column', async () => {
  await client.query('create table odd (id int, tags text[], body bytea, span interval)')
  const told = async (source: SourceSpec) => {
    const { code, message, hint, at } = await refused(source)
    return `${code} at ${at.path.join('.')}: ${message}; ${hint}`
  }
  expect([
    await told(table({ query: 'select tags from odd' })),
    await told(table({ query: 'select body from odd' })),
    await told(table({ query: 'select id, id from odd' })),
    await told(table({ query: "select 'nan'::numeric(5,2) as price" })),
    await told(table({ query: "select date '0044-03-15 BC' as day" })),
    await told(table({ query: 'select 1 as "muster row"' })),
    await told(table({ query: 'select id from odd' }, { columns: { id: 'BIGINT' } })),
    await told(table({ query: 'select id from odd' }, { eventTime: 'id' })),
    await told(table({ table: 'no_such' })),
    await told(table({ query: 'select nothing from odd' })),
  ]).toMatchInlineSnapshot(`
    [
      "E_DATA_SCHEMA at postgres.query: column \`tags\` is an array (text[]), which is not read; leave it out, or make it a number, a text or a time in a query: array_length("tags", 1)",
      "E_DATA_SCHEMA at postgres.query: column \`body\` is of the type bytea, which is not read; leave it out, or make it a number, a text or a time in a query: cast("body" as text)",
      "E_DATA_SCHEMA at postgres.query: two columns are called \`id\`; give each a name of its own: select a.id, b.id as other_id",
      "E_DATA_SCHEMA at postgres.query: column \`price\`: \`NaN\` is no DECIMAL(5,2); leave such rows out, or make the column another type where it comes from",
      "E_DATA_SCHEMA at postgres.query: column \`day\`: \`0044-03-15 BC\` is no DATE; leave such rows out, or make the column another type where it comes from",
      "E_DATA_SCHEMA at postgres: \`query\` has a column \`muster row\`; names that begin with "muster " are kept for Muster: rename the column",
      "E_DATA_SCHEMA at columns.id: column \`id\` is INTEGER, declared BIGINT; it has id INTEGER",
      "taken at : ; ",
      "E_SOURCE at postgres.table: \`shop\` answers: relation "no_such" does not exist; try the query in psql, as the role of the connection",
      "E_SOURCE at postgres.query: \`shop\` answers: column "nothing" does not exist; try the query in psql, as the role of the connection",
    ]
  `)
})

test('the same rows are the same snapshot, however they lie in the table', async () => {
  await client.query(`create table lying as
    select i as id, i % 7 as k, 'x' || i % 100 as name from generate_series(1, 30000) i`)
  const before = await take(table({ table: 'public.lying' }))
  await client.query(`create table mirrored as select * from lying order by md5(id::text);
    drop table lying; alter table mirrored rename to lying; create index on lying (k)`)
  expect(await take(table({ table: 'public.lying' }))).toEqual(before)
  await client.query("update lying set name = 'y' where id = 777")
  expect((await take(table({ table: 'public.lying' }))).id).not.toBe(before.id)
  await client.query('delete from lying')
  expect((await take(table({ table: 'lying' }))).rows).toBe(0)
})

test('what is declared can only read', async () => {
  await client.query(`create table safe (id int); insert into safe values (1); create sequence s;
    create function writes() returns int language sql
      as 'insert into safe values (2) returning id'`)
  const attempts: Record<string, string> = {
    'select writes()': 'E_SQL_FORBIDDEN',
    "select nextval('s')": 'E_SQL_FORBIDDEN',
    'with x as (insert into safe values (3) returning id) select * from x': 'E_SOURCE',
    'with x as (delete from safe returning id) select * from x': 'E_SOURCE',
    'insert into safe values (3) returning id': 'E_SOURCE',
    'select 1; delete from safe': 'E_SOURCE',
    'select 1) as q; delete from safe; --': 'E_SOURCE',
    'select 1) as q; commit; delete from safe; select * from (select 1': 'E_SOURCE',
    'select 1 as id) as q, lateral (select 2) as r into stolen --': 'E_SOURCE',
    'select 1 as id) as q for update --': 'E_SOURCE',
    "select set_config('transaction_read_only', 'off', false), writes()": 'E_SOURCE',
    "copy safe to program 'touch /tmp/stolen'": 'E_SOURCE',
    'drop table safe': 'E_SOURCE',
    'select $1': 'E_SOURCE',
    '/*': 'E_SOURCE',
  }
  for (const [query, code] of Object.entries(attempts)) {
    const { code: found, message } = await refused(table({ query }))
    expect(['E_SOURCE', 'E_SQL_FORBIDDEN'], `${query}: ${message}`).toContain(found)
    if (code === 'E_SQL_FORBIDDEN') expect(found, query).toBe(code)
  }
  const { rows } = await client.query('select id from safe')
  expect(rows).toEqual([{ id: 1 }])
  const left = await client.query("select 1 from pg_class where relname in ('stolen')")
  expect(left.rowCount).toBe(0)
  expect((await take(table({ query: 'select id from safe -- all of it\n;' }))).rows).toBe(1)
})

test('a connection that fails is told without its address and its password', async () => {
  const sources = ['away', 'stranger', 'lake', 'nowhere'].map(connection =>
    table({ table: 'kinds', connection }),
  )
  const told: string[] = []
  for (const source of sources) {
    const error = await refused(source)
    const chain = [error, (error as { cause?: unknown }).cause]
    expect(
      JSON.stringify(chain.map(e => (e ? { ...e, stack: (e as Error).stack } : e))),
    ).not.toMatch(/hunter2|127\.0\.0\.1/)
    told.push(`${error.code} at ${error.at.path.join('.')}: ${error.message}; ${error.hint}`)
  }
  expect(told).toMatchInlineSnapshot(`
    [
      "E_SOURCE at postgres.connection: the connection \`away\`: it does not answer (ECONNREFUSED); see that its server is up, and that MUSTER_CONNECTION_AWAY is right",
      "E_SOURCE at postgres.connection: the connection \`stranger\`: the log-in is refused; see that its server is up, and that MUSTER_CONNECTION_STRANGER is right",
      "E_SOURCE at postgres.connection: the connection \`lake\` is s3, not postgres; name one of postgres://..., or set MUSTER_CONNECTION_LAKE to that",
      "E_SOURCE at postgres.connection: there is no connection \`nowhere\`; name one of \`away\`, \`lake\`, \`shop\`, \`stranger\`, or start Muster with MUSTER_CONNECTION_NOWHERE",
    ]
  `)
})

test('the doctor looks whether a connection answers', async () => {
  const probes = ['shop', 'away', 'stranger', 'lake'].map(name =>
    probeConnection(name, connections),
  )
  const [shop, ...others] = await Promise.all(probes)
  expect(shop).toMatchObject({ ok: true, detail: expect.stringMatching(/^PostgreSQL \d+/) })
  expect(others).toMatchInlineSnapshot(`
    [
      {
        "cure": "see that its server is up, and that MUSTER_CONNECTION_AWAY is right",
        "detail": "it does not answer (ECONNREFUSED)",
        "ok": false,
      },
      {
        "cure": "see that its server is up, and that MUSTER_CONNECTION_STRANGER is right",
        "detail": "the log-in is refused",
        "ok": false,
      },
      {
        "cure": "see that its server is up, and that MUSTER_CONNECTION_LAKE is right",
        "detail": "it does not answer (ECONNREFUSED)",
        "ok": false,
      },
    ]
  `)
})

/** Takes all that is new, as a kept source does. */
class Follower {
  mark: string | null = null
  readonly #source: SourceSpec

  constructor(source: SourceSpec) {
    this.#source = source
  }

  async read(): Promise<unknown[]> {
    await using rows = await readBeyond(this.#source, this.mark, connections, blobs)
    this.mark = rows.mark
    const taken = await parquetRows(rows.path, "columns(c -> c = 'id')")
    expect(rows.rows).toBe(taken.length)
    return taken.flat()
  }
}

test('a cursor reads what is new, once, in order, and ties at its end too', async () => {
  await client.query(`create table growing (id int, day date);
    insert into growing select i, date '2024-01-01' + i / 3 from generate_series(1, 5) i`)
  const byDay = new Follower(table({ table: 'growing', cursor: 'day' }))
  const byId = new Follower(table({ query: 'select id from growing', cursor: 'id' }))
  expect(await byDay.read()).toEqual([1, 2, 3, 4, 5])
  expect(await byId.read()).toEqual([1, 2, 3, 4, 5])
  expect(await byDay.read()).toEqual([])
  await client.query("insert into growing values (6, '2024-01-02'), (7, '2024-01-03')")
  await client.query("insert into growing values (5, '2024-01-02')")
  expect(await byDay.read()).toEqual([5, 6, 7])
  expect(await byId.read()).toEqual([5, 6, 7])
  await client.query('delete from growing where id = 7')
  expect(await byDay.read()).toEqual([])
  await client.query("insert into growing values (8, '2024-01-03'), (9, '2024-01-03')")
  expect(await byDay.read()).toEqual([8, 9])
  expect(await byId.read()).toEqual([8, 9])
})

test('a smaller number that is committed later is waited for', async () => {
  await client.query('create table tickets (id serial, name text)')
  const follower = new Follower(table({ table: 'tickets', cursor: 'id' }))
  const slow = await connected()
  await slow.query("begin; insert into tickets (name) values ('slow')")
  await client.query("insert into tickets (name) values ('quick')")
  const reading = follower.read()
  await until(async () => (await readers()) > 0)
  await slow.query('commit')
  expect(await reading).toEqual([1, 2])
  // A writer that never ends: nothing is left out silently.
  await slow.query("begin; insert into tickets (name) values ('endless')")
  await client.query("insert into tickets (name) values ('quick')")
  await expect(follower.read()).rejects.toMatchObject({
    code: 'E_SOURCE',
    message: expect.stringContaining('is being written to for more than 5 s'),
  })
  await slow.query('rollback')
  expect(await follower.read()).toEqual([4])
  await slow.end()
})

test('what stays lost: a number drawn before the insert and committed after a larger', async () => {
  const follower = new Follower(table({ table: 'tickets', cursor: 'id' }))
  const before = await client.query("select nextval('tickets_id_seq')::int as id")
  await client.query("insert into tickets (name) values ('after')")
  await follower.read()
  await client.query("insert into tickets values ($1, 'drawn before')", [before.rows[0].id])
  expect(await follower.read()).toEqual([])
})

test('a cursor that cannot say what is new is refused', async () => {
  await client.query(`create table vague (id int, at timestamp);
    insert into vague values (1, null), (null, 'infinity')`)
  const told: string[] = []
  for (const where of [
    { table: 'vague', cursor: 'no_such' },
    { table: 'vague', cursor: 'id' },
    { query: 'select * from vague where at is not null', cursor: 'at' },
    { query: "select '1'::json as j", cursor: 'j' },
  ]) {
    const error = await readBeyond(table(where), null, connections, blobs).catch(e => e)
    told.push(`${error.code} at ${error.at.path.join('.')}: ${error.message}; ${error.hint}`)
  }
  expect(told).toMatchInlineSnapshot(`
    [
      "E_DATA_SCHEMA at postgres.cursor: there is no column \`no_such\`; name one of id, at",
      "E_SOURCE at postgres.cursor: \`id\` is null in some row, which would never be read; name a column that is never null, or leave such rows out in a query",
      "E_SOURCE at postgres.cursor: \`at\` is infinity in some row: nothing can come after it; leave such rows out in a query",
      "E_SOURCE at postgres.query: \`shop\` answers: could not identify an ordering operator for type json; try the query in psql, as the role of the connection",
    ]
  `)
})

async function readers(): Promise<number> {
  const { rows } = await client.query(
    `select count(*)::int as n from pg_stat_activity
     where application_name = 'muster source' and query like '%pg_locks%'`,
  )
  return rows[0].n
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(resolve => setTimeout(resolve, 20))
}
