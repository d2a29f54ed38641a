import { MusterError } from '../base/errors.ts'

/**
 * Whether the database cannot do it at all, until it is back or someone has seen to it (no
 * connection, no disk, no right, no such table, read only), and not for the values that it was
 * given: those are of the SQLSTATE classes 22 (data), 23 (constraints) and 54 (limits).
 */
export function isDatabaseTrouble(error: unknown): boolean {
  if (error instanceof MusterError) return error.code === 'E_DATABASE'
  const code = String((error as { readonly code?: unknown } | undefined)?.code ?? '')
  return /^[0-9A-Z]{5}$/.test(code) && !/^(?:22|23|54)/.test(code)
}
