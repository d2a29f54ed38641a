/** Bounds of the journal. */
export interface JournalLimits {
  /**
   * Answers that are not asked to be durable wait so long for others before they are written.
   * 250 ms: with the write and its sync, well within the second that is promised.
   */
  readonly lingerMs: number
  /** Memory that becomes one frame: some thousand answers, a tenth of a millisecond of checksum. */
  readonly chunkBytes: number
  /**
   * What may wait for the disk: a disk that stands still for a second under full load. Past it the
   * server is busy, and says so.
   */
  readonly backlogBytesMax: number
  /** A segment ends at this size, and turns into Parquet: 400,000 answers of 16 inputs. */
  readonly segmentBytesMax: number
  /** And at this age, so that what is asked about yesterday is Parquet. */
  readonly segmentLastsMs: number
  /** After the disk refused, so long until it is asked again. */
  readonly retryAfterMs: number
}

export const journalLimits: JournalLimits = {
  lingerMs: 250,
  chunkBytes: 262_144,
  backlogBytesMax: 64 * 1_048_576,
  segmentBytesMax: 64 * 1_048_576,
  segmentLastsMs: 3_600_000,
  retryAfterMs: 1_000,
}
