import type { FleetSummary, LevelStates } from '../contract/index.ts'
import { levelKey, type ModelState, roleOf } from '../fleet/index.ts'
import type { BlueprintSpec } from '../spec/index.ts'
import {
  countModels,
  environments,
  type ModelCount,
  targetPlan,
  unfinishedRuns,
} from '../store/index.ts'
import { asideCounts } from './aside.ts'
import type { DeskParts } from './desk-parts.ts'
import { placeText } from './places.ts'
import { runRow } from './runs.ts'

function levelStates(blueprint: BlueprintSpec, counts: readonly ModelCount[]): LevelStates[] {
  const { key, name } = blueprint
  return Array.from({ length: key.length + 1 }, (_, depth) => {
    const own = counts.filter(count => count.blueprint === name && count.depth === depth)
    const of = (state: ModelState): number =>
      own.reduce((sum, count) => sum + (count.state === state ? count.models : 0), 0)
    const retired = of('retired')
    return {
      level: roleOf(depth, key.length),
      key: levelKey(key, depth),
      total: own.reduce((sum, count) => sum + count.models, 0) - retired,
      declared: of('declared'),
      serving: of('serving'),
      inherited: of('inherited'),
      refused: of('refused'),
      failed: of('failed'),
      retired,
    }
  })
}

export async function summary(parts: DeskParts): Promise<FleetSummary> {
  const { store, clock, startedAt, version } = parts
  const spec = await parts.fleet.spec()
  const counts = await countModels(store)
  return {
    fleet: spec?.name ?? null,
    environments: (await environments(store)).map(({ name, generation, changedAt }) => ({
      name,
      generation,
      changedAt: changedAt?.toISOString() ?? null,
    })),
    blueprints: [...(spec?.blueprints.values() ?? [])].map(blueprint => ({
      name: blueprint.name,
      purpose: blueprint.purpose,
      owner: blueprint.owner,
      riskClass: blueprint.riskClass,
      view: blueprint.view,
      pipeline: blueprint.pipeline.id,
      declaredAt: placeText(blueprint.place),
      levels: levelStates(blueprint, counts),
    })),
    aside: asideCounts(parts),
    running: (await unfinishedRuns(store)).map(runRow),
    targetPlan: await targetPlan(store),
    server: {
      version,
      startedAt: startedAt.toISOString(),
      uptimeSeconds: (clock.now().getTime() - startedAt.getTime()) / 1_000,
      rssBytes: process.memoryUsage.rss(),
    },
  }
}
