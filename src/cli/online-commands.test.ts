import { expect, test } from 'vitest'
import { askedServer } from '../../test/control/asked-server.ts'

const { muster, at } = askedServer()

const onTerminal = { tty: true, columns: 140, env: { MUSTER_PLAIN: '1' } }

test('features materialise says what became of each group', async () => {
  const said = await muster('features materialise', onTerminal)
  expect(said.code).toBe(0)
  expect(said.out).toBe(`\
group       outcome   rows  new entities  commit  because
departures  added    1,200            14  c-12    its source has grown
`)
  expect(said.err).toContain('1 group.')
  const json = await muster('features materialise departures --full --json')
  expect(JSON.parse(json.out)).toMatchObject({ v: 1, group: 'departures', entities: 14 })
})

test('features verify fails when a value differs, and shows the first', async () => {
  const said = await muster('features verify', onTerminal)
  expect(said.code).toBe(1)
  expect(said.out).toContain('departures.origin_mean_1h ')
  expect(said.out).toContain('ATL: 10 online, 12.5 offline')
  expect(said.err).toContain('k-7: 2 features, 1 differ.')
  const equal = await muster('features verify departures --sample 10 --json')
  expect(equal.code).toBe(0)
  expect(JSON.parse(equal.out)).toMatchObject({ v: 1, check: 'k-7', equal: 100, example: null })
  expect((await muster('features verify --sample x')).err).toContain('--sample is a whole number')
})

test('GET /api/v1/features/checks gives pages', async () => {
  const answer = await fetch(at('/api/v1/features/checks?limit=1'))
  const { items, nextCursor } = (await answer.json()) as { items: object[]; nextCursor: string }
  expect(items).toMatchObject([{ check: 'k-7', feature: 'origin_mean_1h' }])
  const next = await fetch(at(`/api/v1/features/checks?cursor=${nextCursor}`))
  expect(await next.json()).toEqual({ items: [], nextCursor: null })
})
