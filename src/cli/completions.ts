import type { CommandFacts } from './command.ts'
import { commands, optionsOf } from './commands.ts'

/*
 * Completion scripts, written from the table of commands: words only, nothing is asked of a server.
 */

function words(command: CommandFacts): string[] {
  return optionsOf(command).flatMap(o => o.flags.split(/, /).map(f => f.split(' ')[0] ?? ''))
}

function choices(command: CommandFacts): readonly string[] {
  return command.arguments.flatMap(a => a.choices ?? [])
}

function takesFiles(command: CommandFacts): boolean {
  return command.arguments.some(a => a.files)
}

function bash(): string {
  const names = commands.map(c => c.name).join(' ')
  const cases = commands.map(c => {
    const files = takesFiles(c) ? ' files=1' : ''
    return `    ${c.name}) words="${[...choices(c), ...words(c)].join(' ')}"${files} ;;`
  })
  return `# bash completion of muster: source <(muster completion bash)
_muster() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words="" files=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${names} help --help --version" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
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
  const described = commands.map(c => `    '${c.name}:${quoted(c.summary.replaceAll(':', '\\:'))}'`)
  const cases = commands.map(c => {
    const files = takesFiles(c) ? '; _files' : ''
    return `    ${c.name}) compadd -- ${[...choices(c), ...words(c)].join(' ')}${files} ;;`
  })
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
  case "$words[2]" in
${cases.join('\n')}
  esac
}
compdef _muster muster
`
}

function fish(): string {
  const lines = commands.flatMap(c => {
    const only = `-n '__fish_seen_subcommand_from ${c.name}'`
    return [
      `complete -c muster -n __fish_use_subcommand -a ${c.name} -d '${c.summary.replaceAll("'", "\\'")}'`,
      ...choices(c).map(choice => `complete -c muster ${only} -a ${choice}`),
      ...optionsOf(c).flatMap(option => {
        const long = /--([a-z-]+)/.exec(option.flags)?.[1]
        return long
          ? [`complete -c muster ${only} -l ${long} -d '${option.help.replaceAll("'", "\\'")}'`]
          : []
      }),
      ...(takesFiles(c) ? [`complete -c muster ${only} -F`] : []),
    ]
  })
  return `# fish completion of muster\ncomplete -c muster -f\n${lines.join('\n')}\n`
}

export const completions: Readonly<Record<string, () => string>> = { bash, zsh, fish }
