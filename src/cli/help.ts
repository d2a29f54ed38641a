import type { CommandFacts } from './command.ts'
import { commands, groupTitles, optionsOf } from './commands.ts'
import { exitMeanings } from './exit-codes.ts'
import { displayWidth, pad } from './text.ts'

/*
 * Help by example. Written from the table of commands, so that it cannot say what a command does
 * not do.
 */

function aligned(pairs: readonly (readonly [string, string])[], widest = 34): string[] {
  const fitting = pairs.map(([left]) => displayWidth(left)).filter(width => width <= widest)
  const width = Math.max(0, ...fitting)
  return pairs.map(([left, right]) =>
    displayWidth(left) > widest
      ? `  ${left}\n  ${pad('', width)}  ${right}`
      : `  ${pad(left, width)}  ${right}`,
  )
}

function argumentText(command: CommandFacts): string {
  return command.arguments.map(a => (a.required ? ` <${a.name}>` : ` [${a.name}]`)).join('')
}

export function generalHelp(version: string): string {
  const lines = [
    `Muster ${version}: fleets of thousands of models as one thing.`,
    '',
    'Usage: muster <command> [options]',
  ]
  for (const [group, title] of Object.entries(groupTitles)) {
    const pairs = commands.filter(c => c.group === group).map(c => [c.name, c.summary] as const)
    lines.push('', `${title}:`, ...aligned(pairs))
  }
  lines.push(
    '',
    'A first fleet:',
    ...aligned([
      ['muster init shop && cd shop', 'a small fleet that works'],
      ['muster up', 'in another terminal'],
      ['muster plan', 'what would change, and why'],
      ['muster apply', 'do it, and watch'],
      ['muster list failing', 'what needs a look'],
    ]),
    '',
    'Exit codes:',
    ...aligned(Object.entries(exitMeanings).map(([code, says]) => [code, says] as const)),
    '',
    'Each command tells more: muster plan --help',
  )
  return lines.join('\n')
}

/** What `muster data` prints: the commands that begin with this word. */
export function familyHelp(word: string, family: readonly CommandFacts[]): string {
  return [
    `Usage: muster ${word} <command> [options]`,
    '',
    ...aligned(family.map(c => [c.name, c.summary] as const)),
    '',
    `Each command tells more: muster ${family[0]?.name} --help`,
  ].join('\n')
}

export function commandHelp(command: CommandFacts): string {
  const lines = [
    `${command.summary}.`,
    '',
    `Usage: muster ${command.name}${argumentText(command)} [options]`,
  ]
  if (command.arguments.length > 0) {
    lines.push('', ...aligned(command.arguments.map(a => [a.name, a.help] as const)))
  }
  lines.push('', 'Options:', ...aligned(optionsOf(command).map(o => [o.flags, o.help] as const)))
  lines.push('', 'Examples:')
  for (const { call, does } of command.examples) lines.push(`  ${call}`, `      ${does}`)
  if (command.notes) lines.push('', ...command.notes)
  return lines.join('\n')
}
