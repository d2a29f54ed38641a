import type { PredictionEntry } from '../fleet/index.ts'

/** Where the data plane leaves every answer before it goes out. `journal/` has the real one. */
export interface PredictionSink {
  /**
   * Undefined: taken, and on disk within a second. A promise where `durable` is asked: resolves
   * once it is on disk; the answer waits for it. Throws, or rejects with, E_BUSY when more waits
   * for the disk than may, E_DISK_FULL and E_JOURNAL when the disk does not take what has to be
   * durable; what has not is counted as lost then and answered all the same.
   */
  record(entry: PredictionEntry): Promise<void> | undefined
}
