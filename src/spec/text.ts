import type { Complaint, Position } from './problem.ts'

/*
 * The text of one file, before YAML. Line ends become \n and a byte order mark goes, so that every
 * later position counts the same characters that an editor shows.
 */

/**
 * Bytes of one file of declarations.
 *
 * 256 KB: some 8,000 lines, more than a person writes; a parser of YAML takes seconds for 50 MB of
 * brackets.
 */
export const fileBytesMax = 256 * 1024

export function plainText(text: string): string {
  const withoutMark = text.startsWith('\ufeff') ? text.slice(1) : text
  return withoutMark.includes('\r') ? withoutMark.replace(/\r\n?/g, '\n') : withoutMark
}

export function linesOf(text: string): readonly string[] {
  return plainText(text).split('\n')
}

/**
 * How many documents hold anything. `---` in the first column ends a document wherever it stands.
 */
export function countDocuments(text: string): number {
  let documents = 0
  let counted = false
  for (const line of linesOf(text)) {
    if (/^(?:---|\.\.\.)(?:\s|$)/.test(line)) {
      counted = /^---\s+[^\s#]/.test(line)
      if (counted) documents++
    } else if (!counted && !/^\s*(?:#|$)|^%/.test(line)) {
      counted = true
      documents++
    }
  }
  return documents
}

/** From offsets to lines and columns. */
export class TextPositions {
  readonly #text: string
  readonly #starts: number[] = [0]

  constructor(text: string) {
    this.#text = text
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
      this.#starts.push(at + 1)
    }
  }

  /** The part of [from, to) that stands on its first line, without white space at its end. */
  at(from: number, to: number = from + 1): Position {
    const start = Math.max(0, Math.min(from, this.#text.length))
    let low = 0
    let high = this.#starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#starts[middle] ?? 0) <= start) low = middle
      else high = middle - 1
    }
    const lineStart = this.#starts[low] ?? 0
    const lineEnd = (this.#starts[low + 1] ?? this.#text.length + 1) - 1
    const part = this.#text.slice(start, Math.min(Math.max(to, start), lineEnd)).trimEnd()
    return {
      line: low + 1,
      column: characters(this.#text.slice(lineStart, start)) + 1,
      length: Math.max(1, characters(part)),
    }
  }
}

function characters(text: string): number {
  let count = 0
  for (const _ of text) count++
  return count
}

/** What YAML 1.2 does not allow in a stream: control characters, and halves of surrogate pairs. */
const notText = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffe\uffff]|[\ud800-\udfff]/u

/** What is wrong with the text as such, with the offset of it; undefined when it may be parsed. */
export function textComplaint(text: string): { complaint: Complaint; offset: number } | undefined {
  if (text.length > fileBytesMax || Buffer.byteLength(text) > fileBytesMax) {
    return { complaint: tooLarge(Buffer.byteLength(text)), offset: 0 }
  }
  if (text.startsWith('version https://git-lfs.github.com/spec/')) {
    return { complaint: lfsPointer, offset: 0 }
  }
  const match = notText.exec(text)
  if (!match) return undefined
  const code = (match[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')
  return {
    offset: match.index,
    complaint: {
      code: 'E_SPEC_ENCODING',
      message: `the file holds the character U+${code}, which is not text`,
      cure: 'remove it, or save the file as UTF-8',
    },
  }
}

export function tooLarge(bytes: number): Complaint {
  return {
    code: 'E_SPEC_SIZE',
    message: `the file has ${Math.ceil(bytes / 1024).toLocaleString('en-GB')} KB`,
    cure: `a file of declarations has at most ${fileBytesMax / 1024} KB: split it`,
  }
}

export const lfsPointer: Complaint = {
  code: 'E_SPEC_FILE_TYPE',
  message: 'the file is a Git LFS pointer, not the declarations themselves',
  cure: 'fetch it with `git lfs pull`, or keep declarations out of LFS',
}

export const nothingDeclared: Complaint = {
  code: 'E_SPEC_EMPTY',
  message: 'the file declares nothing',
  cure: 'declare something in it, or remove the file',
}
