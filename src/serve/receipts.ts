import { randomFillSync } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { newReceiptId, type ReceiptId } from '../base/ids.ts'

const bytesPerReceipt = 16
/** Receipts whose chance is drawn at once: a draw costs a microsecond whatever its size. */
const receiptsPerDraw = 256

/** Makes receipt ids; the chance in them is drawn for many at a time. */
export function receiptIds(clock: Clock): () => ReceiptId {
  const pool = new Uint8Array(bytesPerReceipt * receiptsPerDraw)
  let at = pool.length
  return () => {
    if (at === pool.length) {
      randomFillSync(pool)
      at = 0
    }
    at += bytesPerReceipt
    return newReceiptId(clock.now().getTime(), pool.subarray(at - bytesPerReceipt, at))
  }
}
