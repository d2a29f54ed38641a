import { nearest } from '../base/nearest.ts'
import type { CommandFacts } from './command.ts'
import { commands } from './commands.ts'

/*
 * Names of commands have one word or two: `plan`, `data diff`. The first of two is a family, which
 * may be a command itself: `features` lists, `features show` shows one.
 */

/** The command that the first words name, the longer name before the shorter. */
export function commandOf(words: readonly string[]): CommandFacts | undefined {
  const [first, second] = words
  return commands.find(c => c.name === `${first} ${second}`) ?? commands.find(c => c.name === first)
}

/** The commands of two words that begin with this one. */
export function familyOf(word: string | undefined): readonly CommandFacts[] {
  return commands.filter(c => c.name.startsWith(`${word} `))
}

/** What a first word may be. */
export function firstWords(): readonly string[] {
  return [...new Set(commands.map(c => c.name.split(' ')[0] ?? ''))]
}

/**
 * The command that was meant by words that name none: the first word is mended before the second.
 */
export function nearestCommand([first = '', second = '']: readonly string[]): string | undefined {
  const known = familyOf(first).length > 0
  const mended = known ? first : nearest(first, firstWords(), 1)[0]
  const names = familyOf(mended).map(c => c.name)
  const whole = nearest(`${mended} ${second}`, names, 1)[0]
  return whole ?? (known ? undefined : mended)
}
