import { asMusterError, MusterError } from '../base/errors.ts'
import type { StreamMessage } from '../streams/index.ts'
import type { Held } from './held.ts'
import type { Computed } from './results.ts'
import type { TriggerParts } from './trigger-parts.ts'

/** What the graph gives, or why not: within the deadline, whatever the graph does. */
export async function askGraph(
  { graph, spec, runGraph, log }: Pick<TriggerParts, 'graph' | 'spec' | 'runGraph' | 'log'>,
  held: Held,
): Promise<Computed | MusterError> {
  const { deadlineMs } = spec
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    reject(new MusterError('E_DEADLINE_PAST', `no result within ${deadlineMs} ms`))
  }, deadlineMs)
  try {
    const { id, receivedAt } = held
    const [{ key, replyTo, headers }] = held.messages as [StreamMessage]
    const about = { id, deadlineMs, requestId: id, traceparent: headers.traceparent }
    const ask = { ...about, priority: 'interactive' } as const
    const result = await Promise.race([runGraph(graph, held.value, ask), late])
    return { id, key, replyTo, receivedAt, result }
  } catch (error) {
    if (!(error instanceof MusterError)) log(`${graph}/${spec.name}: the graph failed`, error)
    return asMusterError(error)
  } finally {
    clearTimeout(timer)
  }
}
