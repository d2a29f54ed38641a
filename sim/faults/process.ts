import { everyGrade, nearHeapLimit, noDescriptorsLeft, slowSenders } from '../../test/faults.ts'
import { rollingRestarts } from '../../test/rolling.ts'
import type { Fault } from './fault.ts'

/** Faults of a server's process and connections, longer than the tests have them. */
export const processFaults: readonly Fault[] = [
  {
    ids: 'F8',
    done: '40 MB of heap, 200 callers of 4,000 rows each, 15 s',
    expected: 'sheds with 429 or 503, never dies, answers after',
    see: () => nearHeapLimit(15),
  },
  {
    ids: 'F8',
    done: '128 MB of heap, filled to 0.875, 0.925, 0.965, and emptied',
    expected: 'connections not kept, then batch 503, then all; well after',
    see: everyGrade,
  },
  {
    ids: 'F16',
    done: '64 descriptors, 100 connections held',
    expected: 'new sockets shed; health, metrics and calls on open ones go on',
    see: noDescriptorsLeft,
  },
  {
    ids: 'F27',
    done: '20 each: silent, slowloris, a byte at a time, half open; limit 2 s',
    expected: 'cut off with 408, descriptors freed, others answered',
    see: () => slowSenders(2_000),
  },
  {
    ids: 'F40, I24',
    done: '4 rolling restarts of two servers, 8 callers that never try again',
    expected: 'no request lost',
    async see() {
      const { answered, lost, restarts } = await rollingRestarts({ restarts: 4, callers: 8 })
      const losses = Object.entries(lost).map(([what, count]) => `${what} x${count}`)
      if (losses.length > 0) throw new Error(`lost: ${losses.join(', ')}`)
      return `${restarts.length} restarts, ${answered} answered, 0 lost`
    },
  },
]
