import { countOf } from '../base/format.ts'
import type { MemberList, Snapshot } from '../fleet/index.ts'
import {
  type BlueprintSpec,
  type FeatureViewSpec,
  type FleetSpec,
  sourcesRead,
} from '../spec/index.ts'

/*
 * Sources whose newest data is held back. What reads one goes on as it is: it may be trained on the
 * data that was accepted before, and where there is none, it waits.
 */

/** Why the newest data of a source is not what is trained on. */
export interface HeldBack {
  readonly because: string
  readonly hint: string
}

type Snapshots = ReadonlyMap<string, Pick<Snapshot, 'id'>>

/** Sources that the view reads and of which there is nothing to train on. */
export function missingSources(
  view: FeatureViewSpec,
  { groups }: Pick<FleetSpec, 'groups'>,
  snapshots: Snapshots,
): readonly string[] {
  return sourcesRead(view, groups).filter(source => !snapshots.has(source))
}

/** Whether a blueprint waits for a source of which there is nothing to train on. */
export function isWaiting(
  blueprint: BlueprintSpec,
  spec: Pick<FleetSpec, 'views' | 'groups'>,
  snapshots: Snapshots,
): boolean {
  const view = spec.views.get(blueprint.view)
  return view !== undefined && missingSources(view, spec, snapshots).length > 0
}

/** `readings is held: c-14 was rejected: ...; 41 members stay on what was accepted before`. */
export function heldNotes(about: {
  readonly spec: Pick<FleetSpec, 'views' | 'groups' | 'blueprints'>
  readonly members: ReadonlyMap<string, MemberList>
  readonly held: ReadonlyMap<string, HeldBack>
}): readonly string[] {
  const { spec, members, held } = about
  return [...held].map(([source, { because, hint }]) => {
    const readers = [...spec.blueprints.values()].filter(blueprint => {
      const view = spec.views.get(blueprint.view)
      return view !== undefined && sourcesRead(view, spec.groups).includes(source)
    })
    const count = readers.reduce((sum, reader) => sum + countMembers(members.get(reader.name)), 0)
    const names = readers.filter(reader => !members.has(reader.name)).map(reader => reader.name)
    const waiting = [
      ...(count > 0 ? [stayWords(count)] : []),
      ...(names.length > 0 ? [`${names.join(', ')} ${names.length === 1 ? 'waits' : 'wait'}`] : []),
    ]
    return [`${source} is held: ${because}`, ...waiting, hint].join('; ')
  })
}

function stayWords(count: number): string {
  return `${countOf(count, 'member')} ${count === 1 ? 'stays' : 'stay'} on what was accepted before`
}

function countMembers(list: MemberList | undefined): number {
  return list?.levels.reduce((sum, { keys }) => sum + keys.length, 0) ?? 0
}
