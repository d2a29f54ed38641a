import { createHash } from 'node:crypto'
import { keyBytesMax } from './store.ts'

/*
 * Keys: fleet, group, generation and kind of entity as text, then the values of the entity, each
 * with its length, so that no character of a value can pass for the end of it. An entity that is
 * too long for a key stands under its digest.
 */

/** Marks a digest; no length begins with it, for no entity has so long a value in a key. */
const digestMark = 0xff

/** Under which all keys of one generation of a group stand. `word` is never used twice. */
export function generationPrefix(fleet: string, group: string, word: string): Buffer {
  return Buffer.from(`muster:${fleet}:${group}:${word}:`)
}

/** Under which the entities of one kind stand. */
export function kindPrefix(generation: Buffer, kind: number): Buffer {
  return Buffer.concat([generation, Buffer.from(`${kind}:`)])
}

/** That the generation was written to its end. */
export function markerKey(generation: Buffer): Buffer {
  return Buffer.concat([generation, Buffer.from('whole')])
}

export function entityKey(prefix: Buffer, values: readonly string[]): Buffer {
  let length = prefix.length
  for (const value of values) length += 2 + Buffer.byteLength(value)
  if (length > keyBytesMax) return digestKey(prefix, values)
  const key = Buffer.allocUnsafe(length)
  let at = prefix.copy(key)
  for (const value of values) {
    const bytes = key.write(value, at + 2)
    key.writeUInt16BE(bytes, at)
    at += 2 + bytes
  }
  return key
}

function digestKey(prefix: Buffer, values: readonly string[]): Buffer {
  const digest = createHash('sha256').update(JSON.stringify(values)).digest()
  return Buffer.concat([prefix, Buffer.from([digestMark]), digest])
}

/** The values of the entity; undefined where only their digest is in the key. */
export function entityOf(prefix: Buffer, key: Buffer): readonly string[] | undefined {
  if (key[prefix.length] === digestMark) return undefined
  const values: string[] = []
  for (let at = prefix.length; at < key.length; ) {
    const bytes = key.readUInt16BE(at)
    values.push(key.toString('utf8', at + 2, at + 2 + bytes))
    at += 2 + bytes
  }
  return values
}
