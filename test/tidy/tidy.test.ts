import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

/*
 * Style that a machine can hold, so that no one has to argue it. The rules and their reasons:
 * STYLE.md.
 */

const lineColumnsMax = 100
const functionLinesMax = 70
const fileLinesMax = 400

const ours = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' })
  .split('\n')
  .filter(path => /^(?:src|tools|test|bench|sim|bin)\/.*\.(?:ts|tsx|mjs)$/.test(path))
  .map(path => ({ path, lines: readFileSync(path, 'utf8').split('\n') }))

test('lines fit', () => {
  const long = ours.flatMap(({ path, lines }) =>
    lines.flatMap((line, i) =>
      line.length > lineColumnsMax && !/https?:\/\/|^\s*[`'"]|\\u/.test(line)
        ? [`${path}:${i + 1} has ${line.length} columns`]
        : [],
    ),
  )
  expect(long).toEqual([])
})

test('files fit', () => {
  const long = ours
    .filter(({ lines }) => lines.length > fileLinesMax)
    .map(({ path, lines }) => `${path} has ${lines.length} lines`)
  expect(long).toEqual([])
})

/**
 * A function begins on a line that declares one and ends at the closing brace of the same indent.
 */
function longFunctions(lines: readonly string[]): string[] {
  const found: string[] = []
  const named = /^(\s*)(?:export )?(?:default )?(?:async )?function\*? (\w+)/
  const method = /^(\s*)(?:static |private |override |async |\*|#)*(#?\w+)\([^;]*\)?[^;=]*\{$/
  lines.forEach((line, i) => {
    const match = named.exec(line) ?? method.exec(line)
    if (!match || /^\s*(?:if|for|while|switch|catch|return|test|describe|else)\b/.test(line)) return
    const indent = match[1]!
    const end = lines.findIndex((other, j) => j > i && other.startsWith(`${indent}}`))
    if (end - i > functionLinesMax) found.push(`${match[2]} (${end - i} lines)`)
  })
  return found
}

test('functions fit', () => {
  const long = ours
    .filter(({ path }) => !/\.test\.ts$/.test(path))
    .flatMap(({ path, lines }) => longFunctions(lines).map(name => `${path}: ${name}`))
  expect(long).toEqual([])
})

test('names say what a thing is', () => {
  const words =
    /(?:^|[-/])(?:utils?|helpers?|common|lib|core|shared|misc|managers?|handlers?|impl)(?:[-./]|$)/
  const types =
    /\b(?:class|interface|type) \w+(?:Manager|Handler|Service|Factory|Helper|Util|Impl)\b/
  const untidy = ours.flatMap(({ path, lines }) => [
    ...(words.test(path) ? [`${path}: the name says nothing`] : []),
    ...lines.flatMap((line, i) => (types.test(line) ? [`${path}:${i + 1} ${line.trim()}`] : [])),
  ])
  expect(untidy).toEqual([])
})

test('nothing is left for later, and nothing is forced', () => {
  const banned = /\b(?:TODO|FIXME|XXX|HACK)\b|@ts-ignore|\bas any\b|\.only\(/
  const untidy = ours.flatMap(({ path, lines }) =>
    path === 'test/tidy/tidy.test.ts'
      ? []
      : lines.flatMap((line, i) => (banned.test(line) ? [`${path}:${i + 1} ${line.trim()}`] : [])),
  )
  expect(untidy).toEqual([])
})

test('time, chance and the environment enter in main/ only', () => {
  const ambient = /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bprocess\.env\b/
  const untidy = ours
    .filter(({ path }) => /^src\/(?!main\/)/.test(path) && !/\.test\.ts$/.test(path))
    .filter(({ path }) => path !== 'src/base/clock.ts')
    .flatMap(({ path, lines }) =>
      lines.flatMap((line, i) =>
        ambient.test(line) && !/^\s*(?:\*|\/[/*])/.test(line)
          ? [`${path}:${i + 1} ${line.trim()}`]
          : [],
      ),
    )
  expect(untidy).toEqual([])
})
