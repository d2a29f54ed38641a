import { expect, test } from 'vitest'
import { modelName } from '../base/model-name.ts'
import { buildFamilyGraph, type GraphHead, openFamilySession } from '../onnx/index.ts'
import { fitMembers } from './fit-level.ts'
import { chooseSamples, takeSamples } from './parity-samples.ts'
import { RidgeFits } from './ridge/fit.ts'
import { aGround, linearLeaves } from './small-family.fixture.ts'
import { levelGroups } from './tree.ts'

test('a member whose graph does not reproduce its fit is refused', async () => {
  const parameters = { penalty: 1, penalties: [1], folds: 2, minRows: 1 }
  const [leaf] = linearLeaves([['a']], 40)
  const rows = leaf!.rows
  const ground = aGround([{ key: ['a'], folds: [rows, []] }], parameters, 0)
  const samples = chooseSamples([{ from: 0, to: 40 }], 2)
  takeSamples(samples, 0, { rows: 40, features: ground.training.parts[0]!.raw })
  const level = levelGroups([['a']], 1)[0]!
  const head: GraphHead = { kind: 'linear', output: 'identity' }
  const fitWith = async (graph: GraphHead) => {
    await using session = await openFamilySession(buildFamilyGraph(ground.features, graph))
    const members = [{ name: modelName('demand', []), keyValues: [], group: 0 }]
    return await fitMembers({
      scope: { level, members, samples },
      ground,
      fitter: new RidgeFits(ground) as never,
      head,
      session,
      parametersOf: () => parameters,
      packed: new Map(),
    })
  }
  expect((await fitWith(head))[0]?.fit).toMatchObject({ state: 'fitted', penaltyFrom: 'declared' })
  const [refused] = await fitWith({ kind: 'linear', output: 'sigmoid' })
  expect(refused?.fit).toMatchObject({ state: 'failed', code: 'parity', trainRows: 40 })
})
