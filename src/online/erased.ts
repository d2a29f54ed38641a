import type { Snapshot } from '../fleet/index.ts'
import type { Generation } from './generation.ts'
import { entityKey } from './keys.ts'

/*
 * Entities of which a commit has deleted every row, so that they are removed and nothing is built
 * anew. No commit names them, for it would keep whom it forgets: who deletes says it, once, and to
 * whoever did not hear it the commit is one that not only added rows.
 */

export interface Erased {
  readonly commit: number
  /**
   * The same columns in each; values as texts of their columns' types. Undefined: who they are
   * cannot be said like that.
   */
  readonly entities: readonly Readonly<Record<string, string>>[] | undefined
}

/** Where a generation has them; undefined when it has their rows under other entities too. */
export function erasedKeys(
  generation: Generation,
  { entities }: Erased,
): readonly Buffer[] | undefined {
  // A correction or a SELECT may have brought a row to where its columns do not tell.
  if (!generation.streams || entities === undefined) return undefined
  const areWhole = generation.kinds.every(({ by }) =>
    entities.every(
      entity =>
        Object.keys(entity).length === by.length &&
        by.every(column => Object.hasOwn(entity, column)),
    ),
  )
  if (!areWhole) return undefined
  return generation.kinds.flatMap(({ by, prefix }) =>
    entities.map(entity =>
      entityKey(
        prefix,
        by.map(column => entity[column]!),
      ),
    ),
  )
}

/** Whether a deletion changed nothing else: `before` is what it has left of the one before. */
export function onlyErased(before: Snapshot | undefined, after: Snapshot): boolean {
  const filesOf = (snapshot: Snapshot) => snapshot.files.map(({ digest }) => digest).join(' ')
  return (
    before !== undefined &&
    filesOf(before) === filesOf(after) &&
    before.setAside?.digest === after.setAside?.digest
  )
}
