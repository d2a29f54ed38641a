/*
 * One registry of error codes. A refusal names what, where, why and what to do; each rim (HTTP,
 * terminal) maps the code to its own form. The message of a cause is never pasted into the outer
 * message: the chain prints it.
 */

interface CodeFacts {
  /** The HTTP status that the rim answers with. */
  readonly status: number
  readonly title: string
}

export const errorCodes = {
  E_USAGE: { status: 400, title: 'the call is not of the expected form' },
  E_QUERY: { status: 400, title: 'the query is not of the expected form' },
  E_HEADERS: { status: 431, title: 'the headers of the request are too large' },
  E_HOST: { status: 421, title: 'this server does not answer for that host' },
  E_MEDIA_TYPE: { status: 415, title: 'the body is not of a type that is read here' },
  E_METHOD: { status: 405, title: 'the method is not one of this path' },
  E_ORIGIN: { status: 403, title: 'the page that sent this is not of this server' },
  E_REQUEST_SLOW: { status: 408, title: 'the request did not arrive in time' },
  E_SPEC: { status: 400, title: 'the declaration is not valid' },
  E_PATH: { status: 400, title: 'the path is not allowed' },
  E_DIGEST: { status: 400, title: 'the digest is not sha256:<64 hex>, or not that of the bytes' },
  E_NAME: { status: 400, title: 'the name is not well formed' },
  E_MODEL_UNKNOWN: { status: 404, title: 'no such model in the fleet' },
  E_NOT_FOUND: { status: 404, title: 'no such thing' },
  E_NAME_TAKEN: { status: 409, title: 'the name is taken' },
  E_MODEL_FORMAT: { status: 415, title: 'the file is not an ONNX model' },
  E_MODEL_PARSE: { status: 400, title: 'the model file cannot be read' },
  E_MODEL_SIZE: { status: 422, title: 'the model is too large' },
  E_MODEL_EXTERNAL_DATA: { status: 400, title: 'the model keeps values outside of its file' },
  E_MODEL_OP_DOMAIN: { status: 400, title: 'the model has operators that are not run here' },
  E_MODEL_VERSION: { status: 422, title: 'the model is of a version of ONNX that is not run here' },
  E_MODEL_SIGNATURE: { status: 422, title: 'the inputs or outputs of the model cannot be served' },
  E_MODEL_PROBATION: { status: 422, title: 'the model did not pass its probation' },
  E_MODEL_PROBATION_MEMORY: { status: 422, title: 'the model takes too much memory' },
  E_MODEL_PROBATION_TIMEOUT: { status: 422, title: 'the model runs for too long' },
  E_MODEL_SMOKE: { status: 422, title: 'the model gives wrong answers to its smoke inputs' },
  E_MODEL_MEMORY: { status: 507, title: 'the model does not fit into the memory of a runner' },
  E_MODEL_LOAD: { status: 503, title: 'the model cannot be loaded' },
  E_MODEL_RUN: { status: 422, title: 'the model fails on these inputs' },
  E_MODEL_QUARANTINED: { status: 503, title: 'the model ended its runner too often' },
  E_RUNNER_LOST: { status: 503, title: 'the process that ran the model ended' },
  E_NOT_SERVING: { status: 503, title: 'nothing serves this model yet' },
  E_TENSOR_MISSING: { status: 400, title: 'an input is missing' },
  E_TENSOR_UNKNOWN: { status: 400, title: 'an input is not one of the model' },
  E_TENSOR_DUPLICATE: { status: 400, title: 'an input is given twice' },
  E_TENSOR_SHAPE: { status: 400, title: 'an input has the wrong shape' },
  E_TENSOR_DATATYPE: { status: 400, title: 'an input has the wrong datatype' },
  E_TENSOR_DATA: {
    status: 400,
    title: 'the data of an input does not match its shape or datatype',
  },
  E_TENSOR_BINARY: {
    status: 400,
    title: 'the binary data of an input is not as long as the request says',
  },
  E_FEATURE_VALUE: { status: 422, title: 'an input value cannot be used' },
  E_FEATURES_AWAY: { status: 503, title: 'features cannot be looked up at the moment' },
  E_DEADLINE: { status: 400, title: 'the deadline is not usable' },
  E_DEADLINE_PAST: { status: 504, title: 'the deadline passed before the model ran' },
  E_TOO_LARGE: { status: 413, title: 'the request is too large' },
  E_BACKLOG: { status: 429, title: 'more was sent than is taken in' },
  E_RATE: { status: 429, title: 'the caller is above its share' },
  E_MODEL_BUSY: { status: 429, title: 'the model is at its limit' },
  E_CANCELLED: { status: 499, title: 'the caller went away' },
  E_BUSY: { status: 503, title: 'the server is at its limit' },
  E_DISK_FULL: { status: 507, title: 'there is no room on the disk' },
  E_JOURNAL: { status: 503, title: 'the journal cannot be written' },
  E_SOURCE: { status: 422, title: 'the source cannot be read' },
  E_DATA_CORRUPT: { status: 422, title: 'a data file is not readable' },
  E_CSV_LINE: { status: 422, title: 'a line of a CSV file is too long' },
  E_DATA_SCHEMA: { status: 422, title: 'the data has not the expected columns' },
  E_DUPLICATE_KEY: { status: 422, title: 'two rows of one name differ' },
  E_EVENT_TIME: { status: 422, title: 'a row cannot have happened then' },
  E_IDEMPOTENCY: { status: 422, title: 'the key was used for other content' },
  E_PREDICTION_ERASED: { status: 410, title: 'the prediction was erased on request' },
  E_SNAPSHOT_ERASED: { status: 410, title: 'rows were erased from this snapshot' },
  E_EXPECTATION: { status: 422, title: 'the data is not what is expected of it' },
  E_CONNECTION: { status: 503, title: 'a connection does not answer' },
  E_EGRESS_DENIED: { status: 400, title: 'nothing may be sent there' },
  E_MESSAGE: { status: 422, title: 'the message is not of the expected form' },
  E_POISON: { status: 500, title: 'no attempt to answer the message has ended' },
  E_REPLY_TO: { status: 403, title: 'replies may not be sent there' },
  E_SINK: { status: 422, title: 'the sink does not take the result' },
  E_SQL_STATEMENT: { status: 400, title: 'the expression is not one SQL expression' },
  E_SQL_FORBIDDEN: { status: 403, title: 'the expression reaches outside its data' },
  E_SQL_TIMEOUT: { status: 422, title: 'the query ran past its time' },
  E_SQL_MEMORY: { status: 422, title: 'the query ran past its memory' },
  E_SQL_VALUE: { status: 422, title: 'the expression fails on a value of the data' },
  E_ONLINE: { status: 422, title: 'the group cannot be kept online' },
  E_LEAKAGE: { status: 422, title: 'a feature reads what was not known yet' },
  E_POLICY_COMPLEXITY: { status: 400, title: 'the rule is too large' },
  E_DIGEST_MISMATCH: { status: 500, title: 'stored bytes do not match their digest' },
  E_BLOB_MISSING: { status: 500, title: 'stored bytes are missing' },
  E_FLEET_OTHER: { status: 409, title: 'the server holds another fleet' },
  E_VIEW_PUBLISHED: { status: 409, title: 'the view is published as something else' },
  E_PLAN_STALE: { status: 409, title: 'the plan is out of date' },
  E_STATE_OWNED: { status: 409, title: 'another process owns this state folder' },
  E_STATE_FOLDER: { status: 500, title: 'the state folder cannot be used' },
  E_SCHEMA_NEWER: { status: 500, title: 'the database was migrated by a newer Muster' },
  E_SCHEMA_EDITED: { status: 500, title: 'an applied migration was edited' },
  E_DATABASE: { status: 503, title: 'the database does not answer' },
  E_DATABASE_OWNED: { status: 409, title: 'another Muster works in this database' },
  E_SERVER_AWAY: { status: 503, title: 'no Muster server answers' },
  E_ANSWER_LATE: { status: 504, title: 'the server has not answered in time' },
  E_BIND: { status: 403, title: 'this address may not be bound' },
  E_PARITY: { status: 500, title: 'the graph does not reproduce the fit' },
  E_INTERNAL: { status: 500, title: 'Muster failed' },
} as const satisfies Record<string, CodeFacts>

export type ErrorCode = keyof typeof errorCodes

/** What a person needs in order to act: which field or file, and the cure. */
export interface ErrorDetails {
  /** The field, input or file at fault, as the caller spelled it. */
  readonly field?: string
  /** What to do about it, stated, not asked. */
  readonly hint?: string
  /** More members for problem+json; values that the caller may see. */
  readonly extra?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

export class MusterError extends Error {
  override readonly name = 'MusterError'
  readonly code: ErrorCode
  readonly field: string | undefined
  readonly hint: string | undefined
  readonly extra: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, detail: string, details: ErrorDetails = {}) {
    super(detail, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.field = details.field
    this.hint = details.hint
    this.extra = details.extra ?? {}
  }

  get status(): number {
    return errorCodes[this.code].status
  }
}

/** The error itself when it is ours; else `E_INTERNAL` with the original as its cause. */
export function asMusterError(error: unknown): MusterError {
  if (error instanceof MusterError) return error
  return new MusterError('E_INTERNAL', 'something failed that should not have', { cause: error })
}
