/*
 * The family tree over the leaves of a frame. Leaves are sorted by their key, so the members of
 * every level are contiguous ranges of leaves, and so of rows. A group is such a range, whether or
 * not a member is declared for it: rows of undeclared leaves count for their ancestors.
 */

export interface LevelGroups {
  readonly depth: number
  /** First leaf of each group, and one past the last leaf of all: `groups + 1` long. */
  readonly leafStart: Int32Array
  /** Group of each leaf. */
  readonly ofLeaf: Int32Array
  /** Group by key values. */
  readonly find: (keyValues: readonly string[]) => number | undefined
}

/**
 * `levels[depth]`: 0 is the root, the last has one group a leaf. `leafKeys[k][leaf]` as in a
 * `FrameManifest`.
 */
export function levelGroups(
  leafKeys: readonly (readonly string[])[],
  leaves: number,
): readonly LevelGroups[] {
  const levels: LevelGroups[] = []
  for (let depth = 0; depth <= leafKeys.length; depth++) {
    const starts: number[] = []
    const ofLeaf = new Int32Array(leaves)
    const groups = new Map<string, number>()
    for (let leaf = 0; leaf < leaves; leaf++) {
      if (leaf === 0 || differs(leafKeys, depth, leaf)) {
        groups.set(keyText(leafKeys.slice(0, depth).map(column => column[leaf]!)), starts.length)
        starts.push(leaf)
      }
      ofLeaf[leaf] = starts.length - 1
    }
    starts.push(leaves)
    levels.push({
      depth,
      leafStart: Int32Array.from(starts),
      ofLeaf,
      find: keyValues => groups.get(keyText(keyValues)),
    })
  }
  return levels
}

export function groupCount(level: LevelGroups): number {
  return level.leafStart.length - 1
}

/**
 * Prefix sums of the rows of leaves: first row of each leaf in the frame, and one past the last.
 */
export function rowStarts(leafRows: readonly number[]): Float64Array {
  const starts = new Float64Array(leafRows.length + 1)
  leafRows.forEach((rows, leaf) => {
    starts[leaf + 1] = starts[leaf]! + rows
  })
  return starts
}

function differs(leafKeys: readonly (readonly string[])[], depth: number, leaf: number): boolean {
  for (let k = 0; k < depth; k++) if (leafKeys[k]![leaf] !== leafKeys[k]![leaf - 1]) return true
  return false
}

/** JSON, so that no value of one column can run into the next. */
function keyText(keyValues: readonly string[]): string {
  return JSON.stringify(keyValues)
}
