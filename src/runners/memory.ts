import type { PayloadReader, PayloadWriter } from './frame.ts'

/** What a runner says of its memory. */
export interface Memory {
  readonly rssBytes: number
  /**
   * Of that, what is not of JavaScript: sessions, and little else. Buffers that were read and wait
   * for the collector are in `rssBytes` only, so this is what a model is weighed by.
   */
  readonly nativeBytes: number
}

export function memoryNow(): Memory {
  const { rss, heapTotal, external } = process.memoryUsage()
  return { rssBytes: rss, nativeBytes: rss - heapTotal - external }
}

/**
 * What a session took that was opened between the two, the lesser of both measures. Buffers that
 * were collected meanwhile count for native memory until their pages are used again; buffers that
 * came count for the process. Either would make a small model one that never fits.
 */
export function growthBytes(before: Memory, after: Memory): number {
  const native = after.nativeBytes - before.nativeBytes
  return Math.min(native, after.rssBytes - before.rssBytes)
}

export function writeMemory(to: PayloadWriter, { rssBytes, nativeBytes }: Memory): PayloadWriter {
  return to.f64(rssBytes).f64(nativeBytes)
}

export function readMemory(from: PayloadReader): Memory {
  return { rssBytes: from.f64(), nativeBytes: from.f64() }
}
