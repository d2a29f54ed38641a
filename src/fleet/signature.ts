/** What callers see of a model: the same for every member of a family. */
export interface Signature {
  readonly inputs: readonly {
    readonly name: string
    /** BYTES: a text in UTF-8, of a category. */
    readonly datatype: 'FP32' | 'BYTES'
    /** Whether a missing value (NaN, null) may be sent: it is imputed, or none that is known. */
    readonly mayBeMissing: boolean
    /**
     * A missing value is not imputed but in no category or bucket, like an unknown one: whoever
     * leaves it out is told that the answer is unlike training. Absent: false.
     */
    readonly unknownIfMissing?: boolean
    /**
     * The least and the largest value among the training rows of the whole family, not of one
     * member, in the newest sealed run; absent where that is not known.
     */
    readonly min?: number
    readonly max?: number
  }[]
  readonly output: { readonly name: 'prediction' | 'probability'; readonly datatype: 'FP32' }
  readonly unit: string | undefined
}
