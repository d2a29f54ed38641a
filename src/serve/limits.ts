import { deadlineMaxMs } from '../base/deadline.ts'

/** Bounds of the data plane. Every queue has a cap and every request a size. */
export interface ServeLimits {
  /**
   * Rows that one request may bring. 4,096: a call of that size takes under a millisecond, so that
   * nobody waits long behind it; larger jobs are batch inference.
   */
  readonly rowsPerRequestMax: number
  /** Rows of one ONNX call, whatever requests they come from. At least `rowsPerRequestMax`. */
  readonly rowsPerCallMax: number
  /**
   * Rows that may wait or run at once, over all families. 65,536: sixteen full calls, about 10 ms
   * of work; past it an answer would come late for its caller anyway, so the caller is told to come
   * back.
   */
  readonly waitingRowsMax: number
  /**
   * Rows of one model that may wait or run at once, where its blueprint does not say: half of all,
   * so that no one model takes the whole server.
   */
  readonly modelRowsMax: number
  /**
   * Rows whose features are being looked up or computed, over all families. 16,384: a store that
   * has become slow holds up four full requests, and not the memory of all that come.
   */
  readonly fillingRowsMax: number
  /** Characters of a model's name: fifteen times the longest of the examples. */
  readonly nameLengthMax: number
  /** Characters of the id that a caller gives a request, since it is echoed. */
  readonly idLengthMax: number
  /** Bytes of one request's body: 4,096 rows of 16 features are 650 kB of JSON. */
  readonly bodyBytesMax: number
  /** The longest deadline that a caller may ask for. */
  readonly deadlineMaxMs: number
}

export const serveLimits: ServeLimits = {
  rowsPerRequestMax: 4_096,
  rowsPerCallMax: 4_096,
  waitingRowsMax: 65_536,
  modelRowsMax: 32_768,
  fillingRowsMax: 16_384,
  nameLengthMax: 512,
  idLengthMax: 256,
  bodyBytesMax: 1_048_576,
  deadlineMaxMs,
}
