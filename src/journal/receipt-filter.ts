import { hash } from 'node:crypto'
import type { ReceiptId } from '../base/ids.ts'

/*
 * Which receipts a file may hold: a Bloom filter (Bloom, "Space/Time Trade-offs in Hash Coding with
 * Allowable Errors", 1970), kept in the catalogue. With many blueprints an hour has as many files,
 * and a receipt does not tell its own. The catalogue tests the bits in SQL, by `receiptHashes`.
 */

/** Of ten bits a receipt four are set: one file in a hundred is opened in vain. */
const bitsPerReceipt = 10
const hashes = 4
/** Bytes. A file with more receipts than fit is one of few of its segment. */
const filterBytesMax = 65_536

/** Four numbers of 32 bits; a filter of n bits has the bits of them modulo n. */
export function receiptHashes(receipt: ReceiptId): readonly number[] {
  const digest = hash('sha256', receipt, 'buffer')
  return Array.from({ length: hashes }, (_, i) => digest.readUInt32LE(i * 4))
}

export function receiptFilter(receipts: ReadonlySet<ReceiptId>): Buffer {
  const bytes = Math.ceil((receipts.size * bitsPerReceipt) / 8)
  const filter = Buffer.alloc(Math.min(Math.max(bytes, 8), filterBytesMax))
  for (const receipt of receipts) {
    for (const number of receiptHashes(receipt)) {
      const bit = number % (filter.length * 8)
      filter[bit >>> 3]! |= 1 << (bit & 7)
    }
  }
  return filter
}
