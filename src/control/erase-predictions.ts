import type { DeleteAnswer } from '../contract/index.ts'
import type { Entity } from '../intake/index.ts'
import { eraseEntities, type HeldAs } from '../journal/index.ts'
import { impactOf } from '../plan/index.ts'
import type { BlueprintSpec, FleetSpec, SourceSpec } from '../spec/index.ts'
import type { DeskParts } from './desk-parts.ts'
import { entityTexts } from './entity-texts.ts'

/*
 * Whose rows are deleted from a source, their predictions go too, as far as these tell of whom they
 * are: by a part of the model's name, or by an input that is the column itself. An entity that a
 * call named only to have features looked up is not kept with its answer, and so not found here:
 * not at any level of a blueprint that has no such part, nor at those above the part.
 */

type Erased = NonNullable<DeleteAnswer['predictions']>

/** Null on a server that keeps no journal. */
export async function erasePredictionsOf(
  source: SourceSpec,
  entities: readonly Entity[],
  parts: DeskParts,
): Promise<Erased | null> {
  return (await parts.predictions?.inFiles(() => eraseFrom(source, entities, parts))) ?? null
}

async function eraseFrom(
  source: SourceSpec,
  entities: readonly Entity[],
  { store, blobs, fleet }: DeskParts,
): Promise<Erased> {
  const spec = await fleet.applied()
  const readers = impactOf(spec, [{ kind: 'source', source: source.name }], new Map()).blueprints
  const byEntity = new Map<number, number>()
  const notHeld = new Map<string, ReadonlySet<string>>()
  const unreadable = new Set<string>()
  let rows = 0
  const sets = Map.groupBy(entities.entries(), ([, each]) => Object.keys(each).sort().join('\n'))
  for (const members of sets.values()) {
    const columns = Object.keys(members[0]![1]).sort()
    const named = await entityTexts(source.name, columns, members, store)
    for (const { name } of readers) {
      const blueprint = spec.blueprints.get(name)!
      const heldAs = columns.map(column => placesOf(column, source.name, blueprint, spec))
      const without = levelsWithout(blueprint.key, heldAs)
      if (without.length > 0) {
        notHeld.set(name, new Set([...(notHeld.get(name) ?? []), ...without]))
      }
      if (without.length > blueprint.key.length) continue
      const erased = await eraseEntities(
        { blueprint: name, heldAs, entities: named },
        { store, blobs },
      )
      rows += erased.rows
      for (const [entity, count] of erased.byEntity) {
        byEntity.set(entity, (byEntity.get(entity) ?? 0) + count)
      }
      for (const { digest } of erased.unreadable) unreadable.add(digest)
    }
  }
  const items = [...byEntity].map(([entity, count]) => ({ entity, rows: count }))
  items.sort((a, b) => a.entity - b.entity)
  const levels = [...notHeld].map(([blueprint, some]) => ({ blueprint, levels: [...some] }))
  return { rows, items, notHeld: levels, unreadable: unreadable.size }
}

/** Levels whose answers do not tell all columns: ancestors have fewer parts in their names. */
export function levelsWithout(
  key: readonly string[],
  heldAs: readonly (readonly HeldAs[])[],
): readonly string[] {
  const tells = (of: HeldAs, depth: number) => !('part' in of) || of.part < depth
  return ['root', ...key.map((_, part) => key.slice(0, part + 1).join('.'))].filter(
    (_, depth) => !heldAs.every(places => places.some(of => tells(of, depth))),
  )
}

/** Where answers of a blueprint hold a column of a source; nowhere, for most that it reads. */
function placesOf(
  column: string,
  source: string,
  { key, view: viewId }: BlueprintSpec,
  spec: FleetSpec,
): readonly HeldAs[] {
  const view = spec.views.get(viewId)!
  const ofRow = new Set(view.rows === source ? [column] : [])
  for (const { from } of view.features) {
    if (from.kind !== 'group' || spec.groups.get(from.group)?.source !== source) continue
    ofRow.add(from.on?.[column] ?? column)
  }
  const isIt = (text: string) => ofRow.has(text.trim().replace(/^"(.*)"$/, '$1'))
  const parts = key.flatMap((name, part) => (isIt(name) ? [{ part }] : []))
  const inputs = view.features.flatMap(({ name, from }) =>
    from.kind === 'row' && isIt(from.sql) ? [{ input: name }] : [],
  )
  return [...parts, ...inputs]
}
