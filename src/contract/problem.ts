import { z } from 'zod'
import { type ErrorCode, errorCodes, MusterError } from '../base/errors.ts'
import { specProblem } from './checks.ts'
import { graphPart } from './graphs.ts'

/** A refusal on the wire: application/problem+json (RFC 9457). */
export const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.string(),
  field: z.string().optional().describe('The field at fault, as the caller spelled it.'),
  hint: z.string().optional().describe('What to do about it.'),
  requestId: z.string(),
  problems: z.array(specProblem).optional().describe('Of E_SPEC: all faults at once.'),
  parts: z.array(graphPart).optional().describe('Of a graph that failed: what its models said.'),
})
export type Problem = z.infer<typeof problem>

export function problemOf(error: MusterError, requestId: string): Problem & { status: number } {
  return {
    ...error.extra,
    type: `urn:muster:error:${error.code}`,
    title: errorCodes[error.code].title,
    status: error.status,
    code: error.code,
    detail: error.message,
    ...(error.field === undefined ? {} : { field: error.field }),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    requestId,
  }
}

/** The error that a server's problem stands for; undefined when the body is none of ours. */
export function errorOfProblem(body: unknown): MusterError | undefined {
  const read = problem.safeParse(body)
  if (!read.success) return undefined
  const { code, detail, field, hint, requestId, problems, parts } = read.data
  return new MusterError(
    Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : 'E_INTERNAL',
    detail,
    {
      ...(field === undefined ? {} : { field }),
      ...(hint === undefined ? {} : { hint }),
      extra: {
        requestId,
        ...(problems === undefined ? {} : { problems }),
        ...(parts === undefined ? {} : { parts }),
      },
    },
  )
}
