import { createHash } from 'node:crypto'

declare const digest: unique symbol

/** `sha256:` and 64 lower-case hex digits. The only name that bytes have. */
export type Digest = string & { readonly [digest]: true }

const form = /^sha256:[0-9a-f]{64}$/

export function isDigest(text: string): text is Digest {
  return form.test(text)
}

/** The digest of bytes, or of the UTF-8 form of a string. */
export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest
}

/** The digest of a value by its canonical JSON, so that key order never matters. */
export function digestOfValue(value: unknown): Digest {
  return digestOf(canonicalJson(value))
}

/** The first `length` hex digits: for people, never for look-ups. */
export function shortDigest(of: Digest, length = 6): string {
  return of.slice(7, 7 + length)
}

/**
 * JSON with sorted keys and no white space, after RFC 8785 in everything we use it for.
 * `undefined` members are left out; NaN and infinities are refused, for JSON would turn them to
 * null.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') {
    return JSON.stringify(value)
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`no canonical form for ${value}`)
    return JSON.stringify(value)
  }
  if (Array.isArray(value)) {
    // Of a frame's keys there are as many as it has models.
    if (value.every(isPlain)) return JSON.stringify(value)
    return `[${value.map(v => canonicalJson(v ?? null)).join(',')}]`
  }
  if (typeof value === 'object') {
    const entries = Object.entries(value as Record<string, unknown>)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`)
    return `{${entries.join(',')}}`
  }
  throw new TypeError(`no canonical form for a ${typeof value}`)
}

/** Whether JSON has one form for it, which is canonical. */
function isPlain(value: unknown): boolean {
  return typeof value === 'string' || Number.isFinite(value)
}
