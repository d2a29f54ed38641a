import { must } from './assert.ts'
import type { ModelName } from './ids.ts'

/*
 * A model's name is its path in the family tree: `route-delay` is the root, `route-delay.ATL` a
 * segment, `route-delay.ATL.LAX` a leaf; the parent is the name without its last part. Bytes of a
 * part outside [A-Za-z0-9_-] are written `~` and two hex digits, so that every key value, whatever
 * it holds, has one name, the name fits a URL unescaped, and the value can be read back. An empty
 * part is `~`.
 */

const plain = /^[A-Za-z0-9_-]$/

export function escapePart(value: string): string {
  if (value === '') return '~'
  let text = ''
  for (const character of value) {
    if (plain.test(character)) text += character
    else
      for (const byte of Buffer.from(character, 'utf8')) {
        text += `~${byte.toString(16).toUpperCase().padStart(2, '0')}`
      }
  }
  return text
}

/**
 * The key value that a part stands for, or undefined when `part` is not one that `escapePart`
 * writes.
 */
export function unescapePart(part: string): string | undefined {
  if (part === '~') return ''
  if (!/^(?:[A-Za-z0-9_-]|~[0-9A-F]{2})+$/.test(part)) return undefined
  const bytes: number[] = []
  for (let i = 0; i < part.length; i++) {
    if (part[i] === '~') {
      bytes.push(Number.parseInt(part.slice(i + 1, i + 3), 16))
      i += 2
    } else bytes.push(part.charCodeAt(i))
  }
  const value = Buffer.from(bytes).toString('utf8')
  return escapePart(value) === part ? value : undefined
}

export function modelName(blueprint: string, keyValues: readonly string[]): ModelName {
  return [blueprint, ...keyValues.map(escapePart)].join('.') as ModelName
}

/** The blueprint and the key values of a name, or undefined when it is not well formed. */
export function readModelName(
  name: string,
): { blueprint: string; keyValues: readonly string[] } | undefined {
  const [blueprint, ...parts] = name.split('.')
  if (!blueprint || !/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(blueprint)) return undefined
  const keyValues: string[] = []
  for (const part of parts) {
    const value = unescapePart(part)
    if (value === undefined) return undefined
    keyValues.push(value)
  }
  return { blueprint, keyValues }
}

/** 0 for the root of a family, 1 for its children, and so on. */
export function levelOf(name: ModelName): number {
  return name.split('.').length - 1
}

export function parentOf(name: ModelName): ModelName | undefined {
  const end = name.lastIndexOf('.')
  return end < 0 ? undefined : (name.slice(0, end) as ModelName)
}

/** Nearest first: the parent, then its parent, up to the root. */
export function ancestorsOf(name: ModelName): readonly ModelName[] {
  const found: ModelName[] = []
  for (let at = parentOf(name); at !== undefined; at = parentOf(at)) found.push(at)
  return found
}

export function blueprintOf(name: ModelName): string {
  return must(name.split('.')[0], 'a name has a first part')
}
