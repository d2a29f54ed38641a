import { expect, test } from 'vitest'
import { askedServer } from '../../test/control/asked-server.ts'

const { muster, at } = askedServer()

const onTerminal = { tty: true, columns: 140, env: { MUSTER_PLAIN: '1' } }

test('quarantine lists versions, and has them asked again, each with its outcome', async () => {
  const said = await muster('quarantine', onTerminal)
  expect(said.code).toBe(0)
  expect(said.out).toBe(`\
model           version  since             because
route-late.ATL        2  2026-11-20 08:00  the graph failed on this call
`)
  const other = await muster('quarantine route-late.BOS@7 route-late.ATL@2', onTerminal)
  expect(other.code).toBe(1)
  expect(other.err).toContain('route-late.BOS v7 is not quarantined.')
  expect(other.err).toContain('1 version asked again from now on.')
  const empty = await muster('quarantine', onTerminal)
  expect([empty.out, empty.err]).toEqual([
    '',
    expect.stringContaining('No version is quarantined.'),
  ])
})

test('one version a line for programs, and a page of the API', async () => {
  const listed = await muster('quarantine --json')
  expect(JSON.parse(listed.out)).toMatchObject({ v: 1, model: 'route-late.ATL', version: 2 })
  const answer = await fetch(at('/api/v1/quarantined-versions?limit=1'))
  expect(await answer.json()).toMatchObject({ items: [{ version: 2 }] })
  const lifted = await muster('quarantine route-late.ATL --json')
  expect(JSON.parse(lifted.out)).toMatchObject({ model: 'route-late.ATL', outcome: 'lifted' })
  const none = await fetch(at('/api/v1/quarantined-versions/lift'), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"versions": []}',
  })
  expect(none.status).toBe(400)
})
