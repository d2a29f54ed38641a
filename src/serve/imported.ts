import type { ReceiptId } from '../base/ids.ts'
import type { Priority } from '../base/priority.ts'
import type { ImportedVersion, Tensor, TensorSignature } from '../fleet/index.ts'
import type { RunSeen } from '../runners/index.ts'

/*
 * Models that people brought as ONNX files, as the data plane sees them: found by name, run
 * elsewhere (`runners/`), any tensors in and out. The families that Muster built are not among
 * them: those answer a number a row, in this process.
 */

/** What a model answered, when it is an imported one: told from an `Answer` by its `outputs`. */
export interface TensorAnswer {
  /** The model, as asked for; a name without ancestors, so it answers itself. */
  readonly model: string
  readonly answeredBy: string
  readonly version: number
  /** 'previous': a version before the newest, which does not answer at the moment. */
  readonly how: 'itself' | 'previous'
  /** Why the newest version did not answer; undefined when it did. */
  readonly because: string | undefined
  readonly receipt: ReceiptId
  /** The caller's, else the receipt. */
  readonly id: string
  readonly outputs: readonly Tensor[]
  /** Names of the outputs that the caller wants as bytes behind the JSON. */
  readonly binaryOutputs: ReadonlySet<string>
}

/** A version as it stands now: a quarantine counts before it is written down. */
export type ImportedStatus = Pick<
  ImportedVersion,
  'name' | 'version' | 'digest' | 'sizeBytes' | 'state' | 'because'
>

export interface InferAsk {
  /** On the monotonic clock of the plane; Infinity: none. */
  readonly deadlineMs: number
  readonly priority: Priority
  /** Told how the call went, whatever it ended with. */
  readonly seen?: ((run: RunSeen) => void) | undefined
}

/** One version of an imported model. */
export interface ImportedModel extends ImportedStatus {
  readonly signature: TensorSignature
  readonly purpose: string
  /**
   * The outputs, in the order of the signature. The inputs were seen to fit the signature. Throws
   * E_RUNNER_LOST, E_DEADLINE_PAST, E_BUSY, E_MODEL_BUSY, E_MODEL_MEMORY, E_MODEL_LOAD and
   * E_MODEL_RUN.
   */
  infer(inputs: readonly Tensor[], ask: InferAsk): Promise<readonly Tensor[]>
}

export interface ImportedModels {
  has(name: string): boolean
  /**
   * The version asked for, else the newest that serves; undefined for a name or version that is
   * not here. One that does not serve is given with its state: the caller says why.
   */
  find(name: string, version?: string): ImportedModel | undefined
  /** Newest first. */
  versionsOf(name: string): readonly ImportedModel[]
  /** Every version, ordered by name and version. */
  list(): readonly ImportedStatus[]
}
