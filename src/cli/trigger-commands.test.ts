import { expect, test } from 'vitest'
import { askedServer } from '../../test/control/asked-server.ts'

const { muster } = askedServer()

const onTerminal = { tty: true, columns: 92, env: { MUSTER_PLAIN: '1' } }

test('deadletters lists what was given up and why, page by page', async () => {
  const said = await muster('deadletters', onTerminal)
  expect(said.code).toBe(0)
  expect(said.out).toMatchInlineSnapshot(`
    "letter  at                   trigger                message  tries  because
    d-9     2026-11-21 12:03:41  wafer-health/readings  w-9          8  E_CONNECTION: sink aler…
    d-8     2026-11-21 12:03:41  wafer-health/readings  w-8          3  E_POISON: 3 attempts ha…
    d-7     2026-11-21 12:03:41  wafer-health/readings  w-7          1  E_MESSAGE: the field \`t…
    "
  `)
  expect(said.err).toMatchInlineSnapshot(`
    "3 letters.
    See one: muster deadletters show d-N. Try again: muster deadletters replay d-N ...
    "
  `)
  const page = await muster('deadletters --limit 1')
  expect(page.out).toMatchInlineSnapshot(`
    "d-9	2026-11-21T12:03:41.000Z	wafer-health/readings	w-9	8	E_CONNECTION: sink alerts: it answered 500
    "
  `)
  expect(page.err).toContain('1 letter, and there are older ones (--limit).')
  const [graph, state] = [
    await muster('deadletters --state dropped --graph nope'),
    await muster('deadletters --state foo'),
  ]
  expect([graph.code, graph.err]).toEqual([2, expect.stringContaining('no graph')])
  expect([state.code, state.err]).toEqual([2, expect.stringContaining('--state waiting')])
  const id = await muster('scores x')
  expect([id.code, id.err]).toEqual([2, expect.stringContaining('see: muster scores --help')])
  expect((await muster('deadletters --state dropped')).err).toBe('No letter is dropped.\n')
  const lines = (await muster('deadletters --json')).out.trim().split('\n')
  expect(lines.map(line => JSON.parse(line).id)).toEqual(['d-9', 'd-8', 'd-7'])
})

test('deadletters show tells the cause, the cure and the message', async () => {
  expect((await muster('deadletters show d-8', onTerminal)).err).toMatchInlineSnapshot(`
    "d-8  wafer-health/readings  message w-8, waiting
    given up 2026-11-21 12:03:41, tried 3 times
    E_POISON: 3 attempts have not ended
      each ended the process or was cut off; see its log, then replay or drop the message
    key: etch-7
    content-type: application/json
    24 bytes:
    Next: muster deadletters replay d-8, or muster deadletters drop d-8
    "
  `)
  expect(await muster('deadletters show d-1')).toMatchObject({ code: 2 })
})

test('deadletters replay and drop tell what came of each', async () => {
  const replayed = await muster('deadletters replay d-7 d-1')
  expect(replayed.code).toBe(1)
  expect(replayed.err).toMatchInlineSnapshot(`
    "d-7  replayed
    d-1  refused: E_NOT_FOUND: there is no letter d-1
      see those that wait: muster deadletters
    "
  `)
  const dropped = await muster('deadletters drop d-7')
  expect(dropped).toMatchObject({ code: 0 })
  expect(dropped.err).toBe('d-7  dropped\n')
  expect(await muster('deadletters replay 7')).toMatchObject({ code: 2 })
})
