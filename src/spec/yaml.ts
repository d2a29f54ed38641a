import { Composer, type Document, isAlias, isMap, isScalar, isSeq, Parser, type Scalar } from 'yaml'
import { keyText, SpecDocument } from './document.ts'
import type { SpecFile } from './fleet-spec.ts'
import { type Complaint, printable, type SpecProblem } from './problem.ts'
import { nothingDeclared, plainText, TextPositions, textComplaint } from './text.ts'
import { complain, depthMax, type Reading, scanTokens, tooDeep } from './yaml-tokens.ts'

/*
 * YAML 1.2, core schema, and less of it: no anchors, aliases, merge keys, tags or directives, for a
 * declaration should say what it says where it says it. Values are built here and not by the
 * library, so that an alias is never expanded and every refusal has its place.
 */

/**
 * What YAML files become. `broken`: something could not be read, so what is missing may be in
 * there.
 */
export interface ParsedFile {
  readonly documents: readonly SpecDocument[]
  readonly problems: readonly SpecProblem[]
  readonly broken: boolean
}

export function parseSpecFile(file: SpecFile): ParsedFile {
  const text = plainText(file.text)
  const reading: Reading = { file: file.path, positions: new TextPositions(text), problems: [] }
  const bad = textComplaint(text)
  if (bad) {
    complain(reading, bad.offset, bad.offset + 1, bad.complaint)
    return { documents: [], problems: reading.problems, broken: true }
  }
  const tokens = scanTokens(text, reading)
  if (!tokens) return { documents: [], problems: reading.problems, broken: true }
  const documents = readDocuments(tokens, reading)
  if (documents.found.length === 0 && reading.problems.length === 0) {
    complain(reading, 0, 1, nothingDeclared)
  }
  return { documents: documents.found, problems: reading.problems, broken: documents.broken }
}

const composing = {
  version: '1.2',
  schema: 'core',
  prettyErrors: false,
  // Found by us, with both places: the library compares every pair of keys.
  uniqueKeys: false,
  logLevel: 'silent',
} as const

function* syntaxOf(tokens: readonly string[]) {
  const parser = new Parser()
  for (const token of tokens) yield* parser.next(token)
  yield* parser.end()
}

function readDocuments(
  tokens: readonly string[],
  reading: Reading,
): { found: SpecDocument[]; broken: boolean } {
  const found: SpecDocument[] = []
  let broken = false
  let parsed: readonly Document.Parsed[]
  try {
    parsed = [...new Composer(composing).compose(syntaxOf(tokens))]
  } catch (error) {
    // Indentation can nest too; the library then runs out of stack, and of nothing else.
    if (!(error instanceof RangeError)) throw error
    complain(reading, 0, 1, tooDeep)
    return { found, broken: true }
  }
  for (const document of parsed) {
    const errors = [...document.errors, ...document.warnings].filter(
      // Tags and directives have been complained of, aliases and anchors too.
      ({ code }) => !['TAG_RESOLVE_FAILED', 'BAD_ALIAS', 'BAD_DIRECTIVE'].includes(code),
    )
    for (const [index, error] of errors.entries()) {
      complain(reading, error.pos[0], error.pos[1], {
        ...yamlComplaint(error.code, error.message),
        ...(index > 0 ? { follows: true } : {}),
      })
    }
    const root = document.contents
    if (errors.length > 0) broken = true
    else if (isMap(root)) {
      const value = plainValue(root, 1, reading) as Record<string, unknown>
      found.push(new SpecDocument(reading.file, value, root, reading.positions))
    } else if (root !== null && !(isScalar(root) && root.value === null)) {
      broken = true
      const [from, to] = root.range ?? [0, 1]
      complain(reading, from, to, {
        code: 'E_SPEC_TYPE',
        message: `the document is ${isSeq(root) ? 'a list' : 'a text'}, not fields with values`,
        cure: 'begin it with `kind:`, and write `field: value`',
      })
    }
  }
  return { found, broken }
}

const yamlCures: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'indent with spaces',
  MISSING_CHAR: 'add what is missing',
  BAD_SCALAR_START: 'put the text in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'put a text that holds `: ` in quotes, or begin a new line',
  MULTILINE_IMPLICIT_KEY: 'add the `:` after the field, or align the line',
  BAD_INDENT: 'align it with its neighbours, and close what is open',
  BAD_DQ_ESCAPE: 'write \\\\ for a backslash, or use single quotes',
}

function yamlComplaint(code: string, message: string): Complaint {
  const text = message.replace(/\s+/g, ' ').trim()
  const lowered = `${text[0]?.toLowerCase() ?? ''}${text.slice(1)}`
  return {
    code: code === 'RESOURCE_EXHAUSTION' ? 'E_SPEC_DEPTH' : 'E_SPEC_YAML',
    message: `not well-formed YAML: ${printable(lowered, 160)}`,
    cure: yamlCures[code] ?? 'put it right; texts with special characters stand in quotes',
  }
}

/**
 * The plain value of a node. Whatever is refused in it leaves a problem, and undefined or the
 * nearest value.
 */
function plainValue(node: unknown, depth: number, reading: Reading): unknown {
  if (depth > depthMax) {
    const [from, to] = isMap(node) || isSeq(node) ? (node.range ?? [0, 1]) : [0, 1]
    complain(reading, from, to, tooDeep)
    return undefined
  }
  if (isAlias(node)) return `*${node.source}`
  if (isSeq(node)) return node.items.map(item => plainValue(item, depth + 1, reading))
  if (isScalar(node)) return scalarValue(node, reading)
  if (!isMap(node)) return null
  const value: Record<string, unknown> = {}
  const firstAt = new Map<string, number>()
  for (const pair of node.items) {
    const key = keyText(pair)
    const [from, to] = (pair.key as Scalar | null)?.range ?? node.range ?? [0, 1]
    const earlier = key === undefined ? undefined : firstAt.get(key)
    const refused = keyComplaint(key, earlier, reading)
    if (refused) complain(reading, from, to, refused)
    if (key === undefined || refused) continue
    firstAt.set(key, from)
    value[key] = plainValue(pair.value, depth + 1, reading)
  }
  return value
}

const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype'])

function keyComplaint(
  key: string | undefined,
  earlier: number | undefined,
  reading: Reading,
): Complaint | undefined {
  if (key === undefined) {
    return {
      code: 'E_SPEC_YAML',
      message: 'the name of a field is a list or a mapping',
      cure: 'write one word before the `:`',
    }
  }
  if (forbiddenKeys.has(key)) {
    return {
      code: 'E_SPEC_FORBIDDEN_KEY',
      message: `\`${key}\` cannot be the name of a field`,
      cure: 'remove it',
    }
  }
  if (key === '<<') {
    return {
      code: 'E_SPEC_ALIASES',
      message: '`<<` is a YAML merge key, and merge keys are not read',
      cure: 'write the fields out; what documents share stands in the root of the fleet',
    }
  }
  if (earlier === undefined) return undefined
  return {
    code: 'E_SPEC_DUPLICATE_KEY',
    message:
      `field \`${printable(key)}\` is given twice, ` +
      `first on line ${reading.positions.at(earlier).line}`,
    cure: 'keep one of the two',
  }
}

function scalarValue(node: Scalar, reading: Reading): unknown {
  const value = node.value
  if (typeof value !== 'number' && typeof value !== 'bigint') return value
  const written = printable(node.source ?? String(value))
  const [from, to] = node.range ?? [0, 1]
  if (!Number.isFinite(Number(value))) {
    complain(reading, from, to, {
      code: 'E_SPEC_VALUE',
      message: `\`${written}\` is not a finite number`,
      cure: 'give a finite number',
    })
    return undefined
  }
  if (Object.is(value, -0)) {
    complain(reading, from, to, {
      code: 'E_SPEC_VALUE',
      message: `\`${written}\` is a zero with a sign`,
      cure: 'write 0',
    })
    return 0
  }
  if (!/[.e]/i.test(node.source ?? '') && !Number.isSafeInteger(Number(value))) {
    complain(reading, from, to, {
      code: 'E_SPEC_NUMBER_RANGE',
      message: `\`${written}\` is beyond 2^53 and would lose digits`,
      cure: `write a smaller number, or a text: "${written}"`,
    })
    return undefined
  }
  return Number(value)
}
