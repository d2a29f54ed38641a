import { expect, test } from 'vitest'
import { buildFamilyGraph } from './family-graph.ts'
import { heads, viewFeature } from './random-view.fixture.ts'
import { openFamilySession } from './session.ts'

test('lengths are checked, arrays may be longer than needed, no rows give no answers', async () => {
  const graph = buildFamilyGraph([viewFeature('a'), viewFeature('b')], heads.identity)
  await using session = await openFamilySession(graph)
  expect(session).toMatchObject({ inputs: 2, width: 3 })
  const parameters = Float32Array.of(1, 10, 0.5, 2, 20, 0.25, 9, 9)
  const x = Float32Array.of(1, 2, 3, 4, 99)
  expect([...(await session.run(x, parameters, 2))]).toEqual([21.5, 86.25])
  expect([...(await session.run(x, parameters, 2, 1))]).toEqual([21.5, 43.5])
  expect((await session.run(x, parameters, 0)).length).toBe(0)
  await expect(session.run(x, parameters, 3)).rejects.toThrow('3 rows of 2 values')
  await expect(session.run(x, parameters.subarray(0, 5), 2)).rejects.toThrow('2 rows of 3 values')
  await expect(session.run(x, parameters, 4, 2)).rejects.toThrow('one a row, or one for all')
})
