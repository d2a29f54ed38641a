import { countOf } from '../base/format.ts'

/*
 * Text that may stand on a terminal. Names, reasons and hints come from data and from servers:
 * control characters in them could move the cursor or forge a line, so they are written visibly.
 */

// Control characters, bidirectional marks and other invisible ones.
const unprintable =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]|[\ud800-\udfff]/gu

export function printable(text: string): string {
  return text.replace(unprintable, character => {
    const hex = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')
    return `<U+${hex}>`
  })
}

// East Asian wide and full-width blocks, and pictographs (Unicode annex 11, its large blocks only).
const wideBlocks: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0xa4cf],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1faff],
  [0x20000, 0x3fffd],
]
const combining = /\p{Mark}/u

/**
 * Columns that a text takes on a terminal: two for East Asian wide characters, none for combining
 * marks.
 */
export function displayWidth(text: string): number {
  let width = 0
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    const isWide = code >= 0x1100 && wideBlocks.some(([from, to]) => code >= from && code <= to)
    width += isWide ? 2 : combining.test(character) ? 0 : 1
  }
  return width
}

/** At most `width` columns; what is cut off leaves an ellipsis. */
export function cut(text: string, width: number): string {
  if (displayWidth(text) <= width) return text
  if (width < 1) return ''
  let kept = ''
  let used = 0
  for (const character of text) {
    const more = displayWidth(character)
    if (used + more > width - 1) break
    kept += character
    used += more
  }
  return `${kept}…`
}

export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const room = ' '.repeat(Math.max(0, width - displayWidth(text)))
  return align === 'left' ? text + room : room + text
}

/** `2001-07-01 00:00`; with seconds when they are not nought. UTC, as all times of Muster. */
export function timeWords(iso: string): string {
  const text = iso.replace('T', ' ').replace(/\.\d+/, '').replace('Z', '')
  return text.endsWith(':00') ? text.slice(0, 16) : text
}

/** `9f3c2a` of `sha256:9f3c2a...`: for people, never for look-ups. */
export function shortDigestText(digest: string): string {
  return digest.slice(7, 13)
}

/** `4.1 s`, `2 min 10 s`, `3 h 5 min`. */
export function durationWords(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3_600)} h ${Math.floor((whole % 3_600) / 60)} min`
}

/** Of an answer of which other rows are there still. */
export function erasedWords(rows: number): string {
  return `${countOf(rows, 'row')} of this answer ${rows === 1 ? 'was' : 'were'} erased on request.`
}
