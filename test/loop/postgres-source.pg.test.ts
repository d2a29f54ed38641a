import pg from 'pg'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { must } from '../../src/base/assert.ts'
import { checkSources } from '../../src/intake/index.ts'
import { readConnections } from '../../src/sources/index.ts'
import { readFleet } from '../../src/spec/index.ts'
import { fleetYaml } from './declaration.ts'
import { header, salesRows } from './shop-sales.ts'
import { openWorld, type World } from './world.ts'

/* The fleet of the loop's tests, whose sales lie in a database of others. */

let world: World
let shop: pg.Client

beforeEach(async () => {
  world = await openWorld(inject('postgresUrl'))
  world.connections = readConnections({ MUSTER_CONNECTION_SHOP: world.url })
  shop = new pg.Client({ connectionString: world.url })
  await shop.connect()
  await shop.query('create schema shop')
  await shop.query(`create table shop.sales (${header.split(',').map(typed).join(', ')})`)
  await insert(salesRows())
})

afterEach(async () => {
  await shop.end()
  await world[Symbol.asyncDispose]()
})

function typed(column: string): string {
  const types: Readonly<Record<string, string>> = { day: 'date', shop: 'text', product: 'text' }
  return `${column} ${types[column] ?? 'bigint'}`
}

async function insert(rows: string): Promise<void> {
  const values = rows
    .trim()
    .split('\n')
    .map(row => `('${row.split(',').join("', '")}')`)
  await shop.query(`insert into shop.sales values ${values.join(', ')}`)
}

const inShop = (more: string) =>
  fleetYaml().replace('files: sales/*.csv', `postgres: { connection: shop, ${more} }`)

test.each(['table: shop.sales', 'query: select * from shop.sales'])(
  'a plan reads %s, and another one when its rows are others',
  async where => {
    const plan = await world.plan(inShop(where))
    expect(plan.totals.train).toBeGreaterThan(0)
    expect((await world.plan()).base.snapshots).toEqual(plan.base.snapshots)
    await shop.query(
      'update shop.sales set units = units + 1 where day = (select min(day) from shop.sales)',
    )
    expect((await world.plan()).base.snapshots).not.toEqual(plan.base.snapshots)
  },
)

test('by a cursor the rows are kept, and only what is new is appended', async () => {
  const commits = async () => {
    await world.plan(inShop('table: shop.sales, cursor: day'))
    const rows = await world.store.all<{ change: { rows: number } }>(
      'select change from source_commit order by number',
    )
    return rows.map(({ change }) => change.rows)
  }
  expect(await commits()).toEqual([2_400])
  expect(await commits()).toEqual([2_400])
  await insert(salesRows({ from: 199, days: 2, seed: 12 }))
  expect(await commits()).toEqual([2_400, 24])
})

test('a check of declarations reads a table that was never read, and keeps nothing', async () => {
  const read = readFleet([{ path: 'muster.yaml', text: inShop('table: shop.sales, cursor: day') }])
  const parts = { ...world.worker, fleetFolder: world.folder, connections: world.connections }
  const [checked] = await checkSources([...must(read.spec, 'it is valid').sources.values()], parts)
  expect(checked).toMatchObject({ snapshot: { rows: 2_400 }, commit: undefined })
  expect(await world.store.all('select from source_commit')).toEqual([])
})

test('what came into a table and cannot be kept is told at the table', async () => {
  await world.plan(inShop('table: shop.sales, cursor: day'))
  await shop.query("insert into shop.sales (day) values (now() + interval '10 days')")
  await expect(world.plan()).rejects.toMatchObject({
    problems: [{ code: 'E_EVENT_TIME', line: 8, message: expect.stringContaining('a day ahead') }],
  })
})

test('of a table that is given more columns, those that are declared are kept', async () => {
  const where = inShop('table: shop.sales, cursor: day')
  const before = await world.plan(where)
  await shop.query('alter table shop.sales add column note text')
  await expect(world.plan()).rejects.toMatchObject({
    problems: [{ cure: expect.stringMatching(/^declare day DATE, /) }],
  })
  const types = { day: 'DATE', shop: 'VARCHAR', product: 'VARCHAR' } as Record<string, string>
  const columns = header
    .split(',')
    .map(name => `${name}: ${types[name] ?? 'BIGINT'}`)
    .join(', ')
  const declared = await world.plan(
    where.replace('\neventTime:', `\ncolumns: { ${columns} }\neventTime:`),
  )
  expect(declared.base.snapshots).toEqual(before.base.snapshots)
})

test('a table that was read before and is away holds its readers, and nothing else', async () => {
  const before = await world.plan(inShop('table: shop.sales'))
  world.connections = readConnections({
    MUSTER_CONNECTION_SHOP: 'postgres://u:hunter2@127.0.0.1:1/x',
  })
  const away = await world.plan()
  expect(away.base.snapshots).toEqual(before.base.snapshots)
  const note = 'sales is held: it could not be read: the connection `shop`: it does not answer'
  expect(away.notes).toEqual([expect.stringContaining(note)])
})

test('a table that cannot be read is told where it is declared', async () => {
  await expect(world.plan(inShop('table: shop.gone'))).rejects.toMatchObject({
    code: 'E_SPEC',
    problems: [{ code: 'E_SOURCE', line: 8, message: expect.stringContaining('shop.gone') }],
  })
  world.connections = readConnections({
    MUSTER_CONNECTION_SHOP: 'postgres://u:hunter2@127.0.0.1:1/x',
  })
  const away = await world.plan(inShop('table: shop.sales')).catch(error => error)
  expect(away.message).toContain('the connection `shop`: it does not answer (ECONNREFUSED)')
  expect(JSON.stringify(away.problems)).not.toMatch(/hunter2|127\.0\.0\.1/)
})
