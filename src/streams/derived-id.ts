import { digestOf } from '../base/digest.ts'

/**
 * The id of a message whose sender gave it none: of where it was sent and its bytes. So two equal
 * messages are one; who sends those gives them ids, or a field that tells them apart.
 */
export function derivedId(place: string, body: Uint8Array): string {
  return digestOf(`${place} ${digestOf(body)}`)
}
