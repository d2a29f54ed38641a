import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { commandOf, familyOf } from '../../src/cli/command-words.ts'
import { optionsOf } from '../../src/cli/commands.ts'

/* A guide that names a command which is not there is worse than none. */

const pages = [
  'README.md',
  'ARCHITECTURE.md',
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.md'))
    .map(path => `docs/${path}`),
]

/** Calls in code: lines of blocks and spans between backticks, up to a comment or a pipe. */
function callsIn(text: string): readonly string[] {
  const blocks = [...text.matchAll(/^```[a-z]*\n([\s\S]*?)^```/gm)].map(match => match[1] ?? '')
  const spans = [...text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/`([^`\n]+)`/g)].map(
    match => match[1] ?? '',
  )
  return [...blocks.flatMap(block => block.split('\n')), ...spans].flatMap(line =>
    [...line.matchAll(/(?:^|[|&(]\s*|\$ |npx )muster ([^|&#)]*)/g)].map(match => match[1] ?? ''),
  )
}

function complaint(call: string): string | undefined {
  const words = call.trim().split(/\s+/)
  const [first = ''] = words
  if (!/^[a-z]+$/.test(first) || first === 'help') return undefined
  const facts = commandOf(words)
  if (!facts) return familyOf(first).length > 0 && words.length === 1 ? undefined : `muster ${call}`
  const known = optionsOf(facts).flatMap(o => o.flags.match(/--?[a-z][a-z-]*/g) ?? [])
  const odd = words.find(word => /^--[a-z]/.test(word) && !known.includes(word.split('=')[0] ?? ''))
  return odd === undefined ? undefined : `muster ${facts.name} has no ${odd}`
}

test.each(pages)('%s names commands and options that there are', page => {
  const wrong = callsIn(readFileSync(page, 'utf8')).flatMap(call => complaint(call) ?? [])
  expect(wrong).toEqual([])
})

test('every command is in the guide', () => {
  const guide = readFileSync('docs/guide/commands.md', 'utf8')
  for (const family of ['data', 'features']) {
    for (const { name } of familyOf(family)) expect(guide.replace(/\s+/g, ' ')).toContain(name)
  }
})
