import type { Delivery } from '../api/index.ts'
import type { PushAnswer } from '../contract/index.ts'
import type { Deliveries } from '../intake/index.ts'
import type { SourceSpec } from '../spec/index.ts'

/** Takes a delivery in. Throws what `Deliveries` throws. */
export async function push(
  source: SourceSpec,
  { bytes, format, known, idempotencyKey }: Delivery,
  deliveries: Deliveries,
): Promise<PushAnswer> {
  const knownAt = known === 'then' ? 'event' : 'arrival'
  const pushed = await deliveries.push(source, { bytes, format, knownAt, idempotencyKey })
  return { accepted: pushed.rows, batch: pushed.batch, again: pushed.again }
}
