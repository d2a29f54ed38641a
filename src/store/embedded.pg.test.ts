import { execFileSync, spawnSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Child, startChild, until } from '../../test/child.ts'
import { systemClock } from '../base/clock.ts'
import { openStore, startEmbedded } from './index.ts'
import { isAlive } from './processes.ts'
import { isServerOf } from './server-folder.ts'

let home: string
const children: Child[] = []

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'muster-embedded-'))
  await chmod(home, 0o711)
})

afterEach(async () => {
  for (const child of children.splice(0)) await child.kill('SIGKILL')
  await until(async () => (await serversOf(home)).length === 0)
  await rm(home, { recursive: true, force: true })
})

/** Pids of servers, backends not counted, that work in the folder. */
async function serversOf(folder: string): Promise<readonly number[]> {
  const all = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n')
  return all
    .filter(line => line.includes(`bin/postgres -D ${folder}`) && !line.includes('/bin/sh'))
    .map(line => Number.parseInt(line, 10))
}

interface Up {
  readonly pid: number
  readonly server: number
  readonly reused: boolean
  readonly url: string
}

async function hold(): Promise<{ child: Child; up: Up }> {
  const child = startChild('hold-database', home)
  children.push(child)
  return { child, up: JSON.parse((await child.line()) ?? '{}') as Up }
}

function start(settings: Readonly<Record<string, string>> = {}) {
  return startEmbedded({ folder: join(home, 'postgres'), clock: systemClock, settings })
}

test('it starts, keeps what it is told, listens on loopback only and stops', async () => {
  const first = await start()
  await using store = await openStore(first.url)
  await store.run('create table note (text text)')
  await store.run(`insert into note (text) values ('kept')`)
  const setting = async (name: string) =>
    (await store.one<{ value: string }>(`select current_setting($1) as "value"`, [name]))?.value
  expect(await setting('listen_addresses')).toBe('127.0.0.1')
  expect(await setting('fsync')).toBe('on')
  expect(await setting('synchronous_commit')).toBe('on')
  expect(await setting('data_checksums')).toBe('on')
  const password = await stat(join(home, 'postgres', 'password'))
  expect(password.mode & 0o777).toBe(0o600)
  await store.close()
  await first.close()
  expect(await serversOf(home)).toEqual([])
  await using again = await start()
  await using read = await openStore(again.url)
  expect(await read.all('select text from note')).toEqual([{ text: 'kept' }])
})

test('a killed owner leaves no server behind, and nothing it was told is lost', async () => {
  const { child, up } = await hold()
  for (let i = 0; i < 20; i++) await child.line()
  await child.kill('SIGKILL')
  const told = Number((await child.rest()).at(-1) ?? 20)
  await until(() => !isAlive(up.server))
  const next = await hold()
  expect(next.up.reused).toBe(false)
  await using store = await openStore(next.up.url)
  const kept = await store.one<{ n: number }>(
    'select count(*) as "n" from kept where number <= $1',
    [told],
  )
  expect(kept?.n).toBe(told)
})

test('a killed server is started again under the feet of those who use it', async () => {
  await using database = await start()
  await using store = await openStore(database.url)
  await store.run('create table note (number int)')
  const killed = (await database.pid())!
  await store.run('insert into note (number) values (1)')
  process.kill(killed, 'SIGKILL')
  await until(async () => {
    const now = await database.pid()
    return now !== undefined && now !== killed
  })
  await store.transaction(sql => sql.run('insert into note (number) values (2)'))
  expect(await store.all('select number from note order by number')).toEqual([
    { number: 1 },
    { number: 2 },
  ])
})

test('a server whose owner and watchdog were killed is used again, and then ended', async () => {
  const { child, up } = await hold()
  // Both shells first, or they would end the server when the owner goes.
  const all = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n')
  const shells = all.filter(line => line.includes('/bin/sh -c') && line.includes(home))
  expect(shells.length).toBeGreaterThanOrEqual(2)
  process.kill(child.pid, 'SIGSTOP')
  for (const shell of shells) process.kill(Number.parseInt(shell, 10), 'SIGKILL')
  await child.kill('SIGKILL')
  expect(isAlive(up.server)).toBe(true)
  const next = await hold()
  expect(next.up).toMatchObject({ reused: true, server: up.server })
  await next.child.kill('SIGKILL')
  await until(() => !isAlive(up.server))
})

test('a pid file whose pid went to another process does not keep it from starting', async () => {
  const first = await start()
  const path = join(home, 'postgres', 'data', 'postmaster.pid')
  const text = await readFile(path, 'utf8')
  await first.close()
  await writeFile(path, text.replace(/^\d+/, String(process.pid)))
  await using again = await start()
  expect(again.reused).toBe(false)
})

test('a folder whose making was killed halfway is made anew', async () => {
  await mkdir(join(home, 'postgres', 'data.new-1234'), { recursive: true })
  await chmod(join(home, 'postgres'), 0o711)
  await writeFile(join(home, 'postgres', 'data.new-1234', 'PG_VERSION'), '18')
  await using database = await start()
  await using store = await openStore(database.url)
  expect(await store.one('select 1 as "up"')).toEqual({ up: 1 })
  expect(await readdir(join(home, 'postgres'))).not.toContain('data.new-1234')
})

test('a password that was lost is told, and nothing is started', async () => {
  await (await start()).close()
  const password = join(home, 'postgres', 'password')
  const known = await readFile(password, 'utf8')
  await rm(password)
  const lost = { code: 'E_STATE_FOLDER', field: 'postgres/password' }
  await expect(start()).rejects.toMatchObject({
    ...lost,
    message: expect.stringContaining('missing'),
  })
  expect(await readdir(join(home, 'postgres'))).not.toContain('password')
  await writeFile(password, 'another\n', { mode: 0o600 })
  await expect(start()).rejects.toMatchObject(lost)
  expect(await serversOf(home)).toEqual([])
  await writeFile(password, known)
  await using again = await start()
  expect(again.reused).toBe(false)
})

test('a wrong password is told at once by a server that is up already', async () => {
  await using _first = await start()
  await writeFile(join(home, 'postgres', 'password'), 'another\n')
  await expect(start()).rejects.toMatchObject({
    code: 'E_STATE_FOLDER',
    field: 'postgres/password',
  })
})

test('a part of the data that was lost is named', async () => {
  await (await start()).close()
  await rm(join(home, 'postgres', 'data', 'base'), { recursive: true })
  await expect(start()).rejects.toMatchObject({
    code: 'E_STATE_FOLDER',
    field: 'postgres/data/base',
  })
})

test('a server that does not start is told in its own words, and left behind by none', async () => {
  await (await start()).close()
  const configuration = join(home, 'postgres', 'data', 'postgresql.conf')
  await writeFile(configuration, 'no_such_setting = 1\n')
  await expect(start()).rejects.toMatchObject({
    code: 'E_DATABASE',
    hint: expect.stringContaining('postgres/server.log'),
    message: expect.stringMatching(/does not start: .*postgres\/data\/postgresql.conf/),
  })
  expect(await serversOf(home)).toEqual([])
})

test('a process whose words name the folder is not its server', async () => {
  const data = join(home, 'postgres', 'data')
  const other = startChild('own-folder', join(home, 'other'), data)
  children.push(other)
  await other.line()
  expect(isAlive(other.pid)).toBe(true)
  expect(isServerOf(data, other.pid)).toBe(false)
})

const isRoot = process.getuid?.() === 0

test.runIf(isRoot)(
  'as root, a folder that the server cannot enter is named, with the cure',
  async () => {
    const closed = join(home, 'closed')
    await mkdir(closed, { mode: 0o700 })
    const folder = join(closed, 'state', 'postgres')
    await expect(startEmbedded({ folder, clock: systemClock })).rejects.toMatchObject({
      code: 'E_STATE_FOLDER',
      field: closed,
      hint: expect.stringContaining(`chmod o+x ${closed}`),
    })
    expect(await readdir(folder)).toEqual([])
    expect(spawnSync('chmod', ['o+x', closed]).status).toBe(0)
    await using database = await startEmbedded({ folder, clock: systemClock })
    expect(database.reused).toBe(false)
  },
)
