import { type ErrorCode, MusterError } from '../base/errors.ts'
import type { DeclaredAt } from '../spec/index.ts'
import { cureOf } from './cures.ts'

/** A fault of the data, with the declared value that does not fit it, and always with a cure. */
export class DataFault extends MusterError {
  readonly at: DeclaredAt
  declare readonly hint: string

  constructor(
    at: DeclaredAt,
    code: ErrorCode,
    detail: string,
    details: { readonly hint?: string | undefined; readonly cause?: unknown } = {},
  ) {
    const { hint = cureOf(code), cause } = details
    super(code, detail, { hint, cause })
    this.at = at
  }
}

/**
 * The error as a fault of what stands at `at`, unless it is one of another place already, or none
 * of the data: a full disk, a damaged blob.
 */
export function faultAt(at: DeclaredAt, error: unknown, doing = ''): unknown {
  if (error instanceof DataFault || !(error instanceof MusterError)) return error
  if (!/^E_(?:SOURCE|DATA|CSV|SQL|EVENT_TIME|DUPLICATE_KEY)/.test(error.code)) return error
  const { code, message, hint } = error
  return new DataFault(at, code, `${doing}${message}`, { hint, cause: error })
}
