import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'

/*
 * How full the heap is: its old generation, whose limit is the one that V8 ends a process at. Its
 * `heap_size_limit` has what is reserved for the young generation in it (192 MB more than
 * `--max-old-space-size` in Node 24), so that a share of that is never near one before the end.
 */

/** The young generation at most, as a share of the old one, where V8 chooses both by itself. */
const youngShare = 3 / 64

/** `flags` are those that Node was started with, in one line; the last of a kind counts. */
export function oldLimitBytes(heapLimitBytes: number, flags: string): number {
  const said = [...flags.matchAll(/--max[-_]old[-_]space[-_]size[= ](\d+)/g)].at(-1)?.[1]
  if (said === undefined || Number(said) === 0) return heapLimitBytes / (1 + youngShare)
  return Math.min(heapLimitBytes, Number(said) * 1_048_576)
}

/** Gives the share of the old generation that is in use, as of now; it may be a little above 1. */
export function heapShare(
  flags = `${process.env.NODE_OPTIONS ?? ''} ${process.execArgv.join(' ')}`,
): () => number {
  const limitBytes = oldLimitBytes(getHeapStatistics().heap_size_limit, flags)
  return () => {
    let usedBytes = 0
    for (const { space_name: name, space_used_size: used } of getHeapSpaceStatistics()) {
      // What is new there is mostly garbage; large objects that are new are not copied again.
      if (name !== 'new_space') usedBytes += used
    }
    return usedBytes / limitBytes
  }
}
