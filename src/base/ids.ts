import { randomBytes } from 'node:crypto'

declare const kind: unique symbol

/** A string that knows what it names, so that a version can never be passed for a model. */
export type Id<K extends string> = string & { readonly [kind]: K }

/**
 * `<blueprint>.<part>.<part>`: the path of a model in its family tree. See `base/model-name.ts`.
 */
export type ModelName = Id<'model'>
export type PlanId = Id<'plan'>
export type RunId = Id<'run'>
export type ReceiptId = Id<'receipt'>

/** Crockford's base 32: no I, L, O, U to misread. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

function base32(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += alphabet[byte & 31]
  return text
}

function timePart(nowMs: number): string {
  let rest = Math.floor(nowMs)
  let text = ''
  for (let i = 0; i < 10; i++) {
    text = alphabet[rest % 32] + text
    rest = Math.floor(rest / 32)
  }
  return text
}

/** A ULID (github.com/ulid/spec): 26 characters that sort by time. `entropy` is for tests. */
export function newReceiptId(nowMs: number, entropy: Uint8Array = randomBytes(16)): ReceiptId {
  return (timePart(nowMs) + base32(entropy.subarray(0, 16))) as ReceiptId
}

const receiptForm = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/

/** A text as a receipt id; undefined when it cannot be one. */
export function readReceiptId(text: string): ReceiptId | undefined {
  return receiptForm.test(text) ? (text as ReceiptId) : undefined
}

/** When a receipt was given, in milliseconds since 1970. */
export function timeOfReceipt(receipt: ReceiptId): number {
  let ms = 0
  for (let i = 0; i < 10; i++) ms = ms * 32 + alphabet.indexOf(receipt[i]!)
  return ms
}

/**
 * Where the receipts of a millisecond begin and end, in their order. Before 1970 there are none: of
 * a time before it, those of its first millisecond.
 */
export function receiptsOf(ms: number): { readonly first: ReceiptId; readonly last: ReceiptId } {
  const time = timePart(Math.max(0, ms))
  return {
    first: `${time}${'0'.repeat(16)}` as ReceiptId,
    last: `${time}${'Z'.repeat(16)}` as ReceiptId,
  }
}
