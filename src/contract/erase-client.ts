import type { ControlClient } from './client.ts'
import { type EraseAnswer, eraseAnswer } from './predictions.ts'

/** Erases answers, with what was said of them. Throws as the client does. */
export async function erasePredictions(
  client: ControlClient,
  receipts: readonly string[],
): Promise<EraseAnswer> {
  const body = { receipts }
  return client.parse(
    await client.request('POST', '/api/v1/predictions/erase', { body }),
    eraseAnswer,
  )
}
