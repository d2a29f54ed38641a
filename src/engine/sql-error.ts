import { type ErrorCode, type ErrorDetails, MusterError } from '../base/errors.ts'

/** How DuckDB's messages begin, and what each means to us. The first that fits counts. */
const meanings: readonly (readonly [RegExp, ErrorCode])[] = [
  [/^Permission Error|configuration has been locked/, 'E_SQL_FORBIDDEN'],
  [/^(?:Out of Memory Error|FATAL Error: .*memory)|string longer than/i, 'E_SQL_MEMORY'],
  [/^INTERRUPT Error|Interrupted/, 'E_SQL_TIMEOUT'],
  [/^Parser Error|syntax error/, 'E_SQL_STATEMENT'],
  [/^Binder Error: Referenced (?:column|table)|^Catalog Error: Table/, 'E_DATA_SCHEMA'],
  [/^(?:Binder|Catalog|Not implemented) Error/, 'E_SQL_STATEMENT'],
  [/^(?:Conversion|Out of Range|Invalid Input) Error/, 'E_SQL_VALUE'],
]

/**
 * What DuckDB threw, as an error of ours: its first line without its class, and without paths of
 * the machine. Errors that are ours already stay as they are.
 */
export function sqlError(cause: unknown, timeLimitMs: number): MusterError {
  if (cause instanceof MusterError) return cause
  const words = cause instanceof Error ? cause.message : String(cause)
  const message = words.replace(/^Failed to (?:extract statements|prepare|execute)[^:]*: /, '')
  const code = meanings.find(([form]) => form.test(message))?.[1] ?? 'E_SQL_STATEMENT'
  if (code === 'E_SQL_TIMEOUT') {
    const seconds = timeLimitMs / 1000
    return new MusterError(code, `the query was stopped after ${seconds} s`, { cause })
  }
  if (code === 'E_SQL_MEMORY') {
    return new MusterError(code, 'the query needs more memory than it may have', { cause })
  }
  return new MusterError(code, plainReason(message), { cause })
}

/** The first line of a message of DuckDB, without its class and without paths. */
export function plainReason(message: string): string {
  const line = message.split('\n')[0] ?? ''
  return line
    .replace(/^[A-Za-z ]+ Error: /, '')
    .replace(/\b[Ff]ile (["']?)\/[^\s"',]+\1/g, 'the file')
    .replace(/(?<![^\s"'([:=,])(["']?)\/[^\s"',]+\1/g, 'a file')
    .slice(0, 300)
}

/** The same error with the place at which it came up, and perhaps a cure. */
export function at(error: unknown, details: ErrorDetails & { doing?: string }): unknown {
  if (!(error instanceof MusterError)) return error
  const detail = details.doing === undefined ? error.message : `${details.doing}: ${error.message}`
  const field = details.field ?? error.field
  const hint = error.hint ?? details.hint
  return new MusterError(error.code, detail, {
    ...(field === undefined ? {} : { field }),
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  })
}
