import { CST, Lexer } from 'yaml'
import { type Complaint, printable, type SpecProblem } from './problem.ts'
import type { TextPositions } from './text.ts'

/**
 * Levels of nesting. The deepest field of a declaration has six; a parser recurses, and its stack
 * ends.
 */
export const depthMax = 64

/** One file while it is read. */
export interface Reading {
  readonly file: string
  readonly positions: TextPositions
  readonly problems: SpecProblem[]
}

export function complain(reading: Reading, from: number, to: number, complaint: Complaint): void {
  reading.problems.push({ file: reading.file, ...reading.positions.at(from, to), ...complaint })
}

/**
 * Reads the tokens before anything recurses, and looks at depth and at what we do not read.
 * Undefined when the file must not be parsed at all.
 */
export function scanTokens(text: string, reading: Reading): readonly string[] | undefined {
  const tokens: string[] = []
  let offset = 0
  let flowDepth = 0
  let indicators = 0
  let isContent = false
  for (const token of new Lexer().lex(text)) {
    tokens.push(token)
    const type: string | null = isContent ? 'content' : CST.tokenType(token)
    isContent = type === 'scalar'
    if (type === 'doc-mode' || type === 'flow-error-end' || type === 'scalar') continue
    if (type === 'flow-map-start' || type === 'flow-seq-start') flowDepth++
    else if (type === 'flow-map-end' || type === 'flow-seq-end') flowDepth--
    else if (type === 'doc-start') flowDepth = 0
    else if (type === 'newline') indicators = 0
    else if (type === 'seq-item-ind' || type === 'explicit-key-ind') indicators++
    if (flowDepth + indicators > depthMax) {
      complain(reading, offset, offset + 1, tooDeep)
      return undefined
    }
    const refused = refusedToken(type, token)
    if (refused) complain(reading, offset, offset + token.length, refused)
    offset += token.length
  }
  return tokens
}

export const tooDeep: Complaint = {
  code: 'E_SPEC_DEPTH',
  message: `the declaration is nested deeper than ${depthMax} levels`,
  cure: 'no field lies that deep: close what is open',
}

function refusedToken(type: string | null, token: string): Complaint | undefined {
  if (type === 'alias') {
    return {
      code: 'E_SPEC_ALIASES',
      message: `\`${printable(token)}\` would be a YAML alias, and aliases are not read`,
      cure: `put the text in quotes: "${printable(token)}"`,
    }
  }
  if (type === 'anchor') {
    return {
      code: 'E_SPEC_ALIASES',
      message: `\`${printable(token)}\` is a YAML anchor, and anchors are not read`,
      cure: 'remove it; what documents share stands in the root of the fleet',
    }
  }
  if (type === 'tag') {
    return {
      code: 'E_SPEC_TAG',
      message: `\`${printable(token)}\` is a YAML tag, and tags are not read`,
      cure: 'remove it',
    }
  }
  if (type === 'directive-line') {
    return {
      code: 'E_SPEC_DIRECTIVE',
      message: `\`${printable(token)}\` is a YAML directive, and directives are not read`,
      cure: 'remove the line',
    }
  }
  return undefined
}
