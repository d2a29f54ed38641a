import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { mayImport, packageOwner } from '../../tools/layers.ts'

const allowedOf: Readonly<Record<string, readonly string[]>> = mayImport

function sources(): { path: string; folder: string; text: string }[] {
  return readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter(path => /\.tsx?$/.test(path) && !/\.test\.tsx?$/.test(path))
    .map(path => ({ path, folder: path.split('/')[0]!, text: readFileSync(`src/${path}`, 'utf8') }))
}

function importsOf(text: string): string[] {
  const found = [
    ...text.matchAll(/(?:from|import) '([^']+)'/g),
    ...text.matchAll(/import\('([^']+)'\)/g),
  ]
  return found.map(match => match[1]!)
}

/** `../fleet/index.ts` seen from `gate/x.ts` is `{ folder: 'fleet', rest: 'index.ts' }`. */
function target(path: string, from: string): { folder: string; rest: string } | undefined {
  if (!from.startsWith('.')) return undefined
  const parts = path.split('/').slice(0, -1)
  for (const part of from.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.') parts.push(part)
  }
  return { folder: parts[0] ?? '', rest: parts.slice(1).join('/') }
}

test('the table of layers only points up the page', () => {
  const seen = new Set<string>()
  for (const [folder, others] of Object.entries(allowedOf)) {
    expect(
      others.filter(other => !seen.has(other)),
      `${folder} names a folder below it`,
    ).toEqual([])
    seen.add(folder)
  }
})

test('imports follow the table, through the index of the other folder', () => {
  const untidy: string[] = []
  for (const { path, folder, text } of sources()) {
    for (const from of importsOf(text)) {
      const other = target(path, from)
      if (!other || other.folder === folder) continue
      if (folder !== 'main') {
        if (!allowedOf[folder]?.includes(other.folder))
          untidy.push(`${path} may not import ${from}`)
      }
      if (other.folder !== 'base' && other.rest !== 'index.ts') {
        untidy.push(`${path} reaches past the index of ${other.folder}/: ${from}`)
      }
    }
  }
  expect(untidy).toEqual([])
})

test('every folder of src/ has its line in the table', () => {
  const folders = new Set(sources().map(s => s.folder))
  folders.delete('main')
  expect([...folders].filter(folder => !(folder in allowedOf))).toEqual([])
})

test('a package with side effects has one owner', () => {
  const untidy: string[] = []
  for (const { path, folder, text } of sources()) {
    for (const from of importsOf(text)) {
      const name = from.startsWith('@')
        ? from.split('/').slice(0, 2).join('/')
        : from.split('/')[0]!
      const owners = [packageOwner[name] ?? folder].flat()
      if (!owners.includes(folder))
        untidy.push(`${path}: ${name} belongs to ${owners.join('/, ')}/`)
    }
  }
  expect(untidy).toEqual([])
})
