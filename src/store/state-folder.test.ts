import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startChild } from '../../test/child.ts'
import { ownerOf, ownStateFolder } from './state-folder.ts'

let home: string

beforeEach(async () => {
  home = join(await mkdtemp(join(tmpdir(), 'muster-state-')), 'state')
})

afterEach(async () => {
  await rm(join(home, '..'), { recursive: true, force: true })
})

test('a second owner is refused with the pid of the first and what to do', async () => {
  const own = await ownStateFolder(home)
  await expect(ownStateFolder(home)).rejects.toMatchObject({
    code: 'E_STATE_OWNED',
    message: `process ${process.pid} owns this state folder`,
    hint: expect.stringContaining('MUSTER_HOME'),
  })
  expect(await ownerOf(home)).toBe(process.pid)
  await own.release()
  expect(await ownerOf(home)).toBeUndefined()
  await using again = await ownStateFolder(home)
  expect(again).toBeDefined()
})

test('what is no folder that can be used is refused with the cure', async () => {
  await writeFile(home, 'a file')
  await expect(ownStateFolder(home)).rejects.toMatchObject({
    code: 'E_STATE_FOLDER',
    hint: expect.stringContaining('MUSTER_HOME'),
  })
})

test('what a killed owner held is taken over', async () => {
  await (await ownStateFolder(home)).release()
  const child = startChild('own-folder', home)
  expect(await child.line()).toBe('owned')
  await expect(ownStateFolder(home)).rejects.toMatchObject({ extra: { pid: child.pid } })
  await child.kill('SIGKILL')
  await using own = await ownStateFolder(home)
  expect(own).toBeDefined()
  expect((await readdir(home)).every(file => file.includes(`.${process.pid}.`))).toBe(true)
})

test.runIf(process.platform === 'linux')(
  'a pid that went to another process is no owner',
  async () => {
    await (await ownStateFolder(home)).release()
    await writeFile(join(home, `owner.${process.pid}.1.abc.claim`), '')
    await writeFile(join(home, `owner.${process.pid}.1.abc.confirmed`), '')
    await using own = await ownStateFolder(home)
    expect(own).toBeDefined()
  },
)

test('of many at once, exactly one becomes the owner', async () => {
  await (await ownStateFolder(home)).release()
  const tries = await Promise.allSettled(Array.from({ length: 20 }, () => ownStateFolder(home)))
  const owners = tries.filter(outcome => outcome.status === 'fulfilled')
  expect(owners).toHaveLength(1)
  await owners[0]!.value.release()
  const children = Array.from({ length: 6 }, () => startChild('own-folder', home))
  const said = await Promise.all(children.map(child => child.line()))
  expect(said.filter(word => word === 'owned')).toHaveLength(1)
  expect(said.filter(word => word === 'E_STATE_OWNED')).toHaveLength(5)
  await Promise.all(children.map(child => child.end()))
  expect(await readdir(home)).toEqual([])
})
