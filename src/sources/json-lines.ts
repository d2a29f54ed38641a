import { isUtf8 } from 'node:buffer'
import type { Column } from '../engine/index.ts'
import { jsonKindOf } from './convert.ts'
import type { HeldRows, HeldValue } from './held-rows.ts'
import { type ReadText, readTextAs } from './held-value.ts'
import { brokenJson, type Misfit, noObject, repeated, undeclared } from './row-faults.ts'

/*
 * JSON lines, one flat object each, straight into columns. Not JSON.parse, which rounds whole
 * numbers, lets the last of two equal names count, and says nothing of halves of characters. Like
 * DuckDB it lets a comma stand before the end of an object. NaN and Infinity, as Python writes
 * them, are numbers that are of no type.
 */

export interface ReadRows {
  readonly held: HeldRows
  /** The first value that does not fit, by row and then by column; the rows are not to be used. */
  readonly misfit: Misfit | undefined
}

/**
 * Throws E_DATA_CORRUPT with the line, E_DATA_SCHEMA with the row: for no object, or a name that is
 * not declared. Values of types that are held as `cast` are not checked.
 */
export function readJsonLines(bytes: Uint8Array, columns: readonly Column[]): ReadRows {
  if (!isUtf8(bytes)) throw brokenJson('this is not UTF-8')
  const { buffer, byteOffset, byteLength } = bytes
  const text = Buffer.from(buffer, byteOffset, byteLength).toString()
  const reader = new LineReader(text, columns)
  for (let from = text.startsWith('\ufeff') ? 1 : 0, line = 1; from < text.length; line++) {
    const newline = text.indexOf('\n', from)
    const to = newline < 0 ? text.length : newline
    if (!reader.read(from, to)) throw brokenJson(`line ${line} is not JSON`)
    from = to + 1
  }
  return reader.done()
}

const [tab, lineFeed, carriageReturn, space] = [9, 10, 13, 32]
const [quote, comma, minus, point, zero, nine] = [34, 44, 45, 46, 48, 57]
const [colon, backslash, open, close, openList, closeList] = [58, 92, 123, 125, 91, 93]

function isSpace(code: number): boolean {
  return code === space || code === tab || code === lineFeed || code === carriageReturn
}

/** Beside what JSON calls white space, lines may end in it. */
function isBlank(code: number): boolean {
  return code === space || (code >= tab && code <= carriageReturn)
}

const endless = /-?(?:nan|infinity|inf)/iy
/** How a value is shown at most. */
const shownMax = 60

class LineReader {
  readonly #text: string
  readonly #columns: readonly Column[]
  readonly #places: ReadonlyMap<string, number>
  readonly #kinds: readonly ReturnType<typeof jsonKindOf>[]
  /** By column: whether a number is read as it stands. */
  readonly #floats: readonly boolean[]
  readonly #readers: readonly ReadText[]
  readonly #values: HeldValue[][]
  /** By column: the last row that had it. */
  readonly #seen: Int32Array
  #rows = 0
  #misfit: Misfit | undefined
  #noObject = 0
  #undeclared: { readonly name: string; readonly row: number } | undefined
  #repeated: { readonly name: string; readonly row: number } | undefined
  #at = 0
  #to = 0

  constructor(text: string, columns: readonly Column[]) {
    this.#text = text
    this.#columns = columns
    this.#places = new Map(columns.map(({ name }, at) => [name, at]))
    this.#kinds = columns.map(({ type }) => jsonKindOf(type))
    this.#floats = columns.map(({ type }) => type === 'DOUBLE' || type === 'FLOAT')
    this.#readers = columns.map(({ type }) => readTextAs(type))
    this.#values = columns.map(() => [])
    this.#seen = new Int32Array(columns.length)
  }

  done(): ReadRows {
    if (this.#noObject > 0) throw noObject(this.#noObject, this.#columns)
    if (this.#undeclared !== undefined) {
      const { name, row } = this.#undeclared
      throw undeclared(name, this.#columns, `row ${row}`)
    }
    if (this.#repeated !== undefined) throw repeated(this.#repeated.name, this.#repeated.row)
    const held = { columns: this.#columns, values: this.#values, rows: this.#rows }
    return { held, misfit: this.#misfit }
  }

  /** Whether the line is blank or JSON. */
  read(from: number, to: number): boolean {
    const text = this.#text
    while (from < to && isBlank(text.charCodeAt(from))) from++
    while (to > from && isBlank(text.charCodeAt(to - 1))) to--
    if (from === to) return true
    this.#rows++
    this.#at = from
    this.#to = to
    if (text.charCodeAt(from) !== open) {
      this.#noObject ||= this.#rows
      return isJson(text.slice(from, to))
    }
    this.#at++
    if (!this.#members() || this.#at !== to) return false
    for (let column = 0; column < this.#columns.length; column++) {
      if (this.#seen[column] !== this.#rows) this.#values[column]!.push(null)
    }
    return true
  }

  #members(): boolean {
    this.#skip()
    if (this.#is(close)) return true
    for (let expected = 0; ; ) {
      const name = this.#string()
      if (name === undefined) return false
      this.#skip()
      if (!this.#is(colon)) return false
      this.#skip()
      // Most rows have their columns in the order of the declaration.
      const column =
        this.#columns[expected]?.name === name ? expected : (this.#places.get(name) ?? -1)
      expected = column + 1
      if (column < 0) this.#undeclared ??= { name, row: this.#rows }
      if (!this.#value(column)) return false
      this.#skip()
      if (this.#is(close)) return true
      if (!this.#is(comma)) return false
      this.#skip()
      if (this.#is(close)) return true
    }
  }

  /** Whether the next character is that; it is passed over then. */
  #is(code: number): boolean {
    if (this.#at >= this.#to || this.#text.charCodeAt(this.#at) !== code) return false
    this.#at++
    return true
  }

  #skip(): void {
    while (this.#at < this.#to && isSpace(this.#text.charCodeAt(this.#at))) this.#at++
  }

  #string(): string | undefined {
    const text = this.#text
    if (!this.#is(quote)) return undefined
    const from = this.#at
    let isPlain = true
    for (let at = from; at < this.#to; at++) {
      const code = text.charCodeAt(at)
      if (code === quote) {
        this.#at = at + 1
        return isPlain ? text.slice(from, at) : unescaped(text.slice(from - 1, at + 1))
      }
      if (code < space) return undefined
      if (code === backslash) {
        isPlain = false
        at++
      }
    }
    return undefined
  }

  #value(column: number): boolean {
    const from = this.#at
    const code = this.#text.charCodeAt(from)
    if (code === quote) {
      const value = this.#string()
      if (value === undefined) return false
      this.#put(column, 'text', value, from)
    } else if (code === minus || (code >= zero && code <= nine)) {
      const number = this.#number(column)
      if (number === undefined) return false
      this.#put(column, 'number', number, from)
    } else if (code === open || code === openList) {
      const nested = this.#nested()
      if (nested === undefined) return false
      this.#put(column, 'nested', nested, from)
    } else if (this.#word('null')) {
      this.#put(column, undefined, '', from)
    } else if (this.#word('true')) {
      this.#put(column, 'truth', 'true', from)
    } else if (this.#word('false')) {
      this.#put(column, 'truth', 'false', from)
    } else {
      const number = this.#endless()
      if (number === undefined) return false
      this.#put(column, 'number', number, from)
    }
    return true
  }

  #word(word: string): boolean {
    if (this.#at + word.length > this.#to || !this.#text.startsWith(word, this.#at)) return false
    this.#at += word.length
    return true
  }

  #put(column: number, kind: string | undefined, text: string, from: number): void {
    if (column < 0) return
    if (this.#seen[column] === this.#rows) {
      this.#repeated ??= { name: this.#columns[column]!.name, row: this.#rows }
      return
    }
    this.#seen[column] = this.#rows
    let value: HeldValue | undefined = null
    if (kind !== undefined) {
      value = kind === this.#kinds[column] ? this.#readers[column]!(text) : undefined
      if (this.#floats[column] && !Number.isFinite(value)) value = undefined
      if (value === undefined) this.#misfits(column, from)
    }
    this.#values[column]!.push(value ?? null)
  }

  #misfits(column: number, from: number): void {
    const before = this.#misfit
    if (before !== undefined && (before.row < this.#rows || before.column < column)) return
    const shown = [...this.#text.slice(from, Math.min(this.#at, from + 2 * shownMax))]
    this.#misfit = { row: this.#rows, column, shown: shown.slice(0, shownMax).join('') }
  }

  #number(column: number): string | undefined {
    const text = this.#text
    const from = this.#at
    let at = from
    if (text.charCodeAt(at) === minus) at++
    const whole = this.#digits(at)
    if (whole === at) return this.#endless()
    if (whole > at + 1 && text.charCodeAt(at) === zero) return undefined
    at = whole
    if (at < this.#to && text.charCodeAt(at) === point) {
      const end = this.#digits(at + 1)
      if (end === at + 1) return undefined
      at = end
    }
    const letter = at < this.#to ? text[at] : ''
    if (letter === 'e' || letter === 'E') {
      const sign = text[at + 1]
      const digits = sign === '+' || sign === '-' ? at + 2 : at + 1
      const end = this.#digits(digits)
      if (end === digits) return undefined
      at = end
    }
    this.#at = at
    const number = text.slice(from, at)
    if (at === whole) return number === '-0' ? '0' : number
    return this.#floats[column] ? number : realText(Number(number))
  }

  #digits(at: number): number {
    const text = this.#text
    while (at < this.#to) {
      const code = text.charCodeAt(at)
      if (code < zero || code > nine) return at
      at++
    }
    return at
  }

  #endless(): string | undefined {
    endless.lastIndex = this.#at
    const found = endless.exec(this.#text)
    if (found === null || this.#at + found[0].length > this.#to) return undefined
    this.#at += found[0].length
    return found[0]
  }

  /** An object or a list as it stands; inside it JSON is taken strictly. */
  #nested(): string | undefined {
    const from = this.#at
    let depth = 0
    while (this.#at < this.#to) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === quote) {
        if (this.#string() === undefined) return undefined
        continue
      }
      this.#at++
      if (code === open || code === openList) depth++
      if (code === close || code === closeList) depth--
      if (depth > 0) continue
      const text = this.#text.slice(from, this.#at)
      return isJson(text) ? text : undefined
    }
    return undefined
  }
}

/** A double as the shortest text that is read as the same; one without a fraction shows so. */
function realText(number: number): string {
  if (Object.is(number, -0)) return '-0.0'
  return Number.isInteger(number) && Math.abs(number) < 1e21 ? number.toFixed(1) : String(number)
}

function unescaped(text: string): string | undefined {
  try {
    const read = JSON.parse(text) as string
    return read.isWellFormed() ? read : undefined
  } catch {
    return undefined
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
