import type { CommandFacts } from './command.ts'
import { commandOf, familyOf, firstWords } from './command-words.ts'
import { commands, optionsOf } from './commands.ts'

/*
 * Completion scripts, written from the table of commands: words only, nothing is asked of a server.
 * A second word is completed for families (`data diff`), whose commands come before them in a case.
 */

function words(command: CommandFacts): string[] {
  return optionsOf(command).flatMap(o => o.flags.split(/, /).map(f => f.split(' ')[0] ?? ''))
}

interface Case {
  /** What the first words match: `data\ diff`, or `data*` for the rest of a family. */
  readonly pattern: string
  readonly words: readonly string[]
  readonly files: boolean
}

/** What may follow, by the first words, longer names first. */
function cases(): readonly Case[] {
  const pairs = commands.filter(c => c.name.includes(' '))
  const own = pairs.map(c => ({
    pattern: c.name.replace(' ', '\\ '),
    words: [...choices(c), ...words(c)],
    files: takesFiles(c),
  }))
  const firsts = firstWords().map(first => {
    const itself = commandOf([first])
    const seconds = familyOf(first).map(c => secondWord(c))
    return {
      pattern: `${first}|${first}\\ *`,
      words: [...seconds, ...(itself ? [...choices(itself), ...words(itself)] : [])],
      files: itself ? takesFiles(itself) : false,
    }
  })
  return [...own, ...firsts]
}

function secondWord({ name }: CommandFacts): string {
  return name.split(' ')[1] ?? ''
}

/** A line for each first word; a family that is no command itself is told by what it holds. */
function firstSummaries(): readonly (readonly [string, string])[] {
  return firstWords().map(first => {
    const family = familyOf(first).map(secondWord).join(', ')
    return [first, commandOf([first])?.summary ?? `Commands: ${family}`]
  })
}

function choices(command: CommandFacts): readonly string[] {
  return command.arguments.flatMap(a => a.choices ?? [])
}

function takesFiles(command: CommandFacts): boolean {
  return command.arguments.some(a => a.files)
}

function bash(): string {
  const lines = cases().map(
    c => `    ${c.pattern}) words="${c.words.join(' ')}"${c.files ? ' files=1' : ''} ;;`,
  )
  return `# bash completion of muster: source <(muster completion bash)
_muster() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words="" files=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${firstWords().join(' ')} help --help --version" -- "$current"))
    return
  fi
  local asked="\${COMP_WORDS[1]}"
  [ "$COMP_CWORD" -gt 2 ] && asked="$asked \${COMP_WORDS[2]}"
  case "$asked" in
${lines.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [ -n "$files" ] && [ "\${current#-}" = "$current" ]; then
    COMPREPLY+=($(compgen -f -- "$current"))
  fi
}
complete -o filenames -F _muster muster
`
}

const quoted = (text: string): string => text.replaceAll("'", "'\\''")

function zsh(): string {
  const described = firstSummaries().map(
    ([word, summary]) => `    '${word}:${quoted(summary.replaceAll(':', '\\:'))}'`,
  )
  const lines = cases().map(
    c => `    ${c.pattern}) compadd -- ${c.words.join(' ')}${c.files ? '; _files' : ''} ;;`,
  )
  return `#compdef muster
# zsh completion of muster: source <(muster completion zsh)
_muster() {
  local -a commands
  commands=(
${described.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
    return
  fi
  local asked="$words[2]"
  (( CURRENT > 3 )) && asked="$asked $words[3]"
  case "$asked" in
${lines.join('\n')}
  esac
}
compdef _muster muster
`
}

const fishQuoted = (text: string): string => text.replaceAll("'", "\\'")

function fish(): string {
  const firsts = firstSummaries().map(
    ([word, summary]) =>
      `complete -c muster -n __fish_use_subcommand -a ${word} -d '${fishQuoted(summary)}'`,
  )
  const lines = commands.flatMap(c => {
    const seen = c.name.split(' ').map(word => `__fish_seen_subcommand_from ${word}`)
    const only = `-n '${seen.join('; and ')}'`
    return [
      ...(c.name.includes(' ')
        ? [`complete -c muster -n '${seen[0]}' -a ${secondWord(c)} -d '${fishQuoted(c.summary)}'`]
        : []),
      ...choices(c).map(choice => `complete -c muster ${only} -a ${choice}`),
      ...optionsOf(c).flatMap(option => {
        const long = /--([a-z-]+)/.exec(option.flags)?.[1]
        return long ? [`complete -c muster ${only} -l ${long} -d '${fishQuoted(option.help)}'`] : []
      }),
      ...(takesFiles(c) ? [`complete -c muster ${only} -F`] : []),
    ]
  })
  return `# fish completion of muster\ncomplete -c muster -f\n${[...firsts, ...lines].join('\n')}\n`
}

export const completions: Readonly<Record<string, () => string>> = { bash, zsh, fish }
