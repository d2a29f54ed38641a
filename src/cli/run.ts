import { Command, CommanderError, Option } from 'commander'
import { MusterError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import type { Call, CommandFacts } from './command.ts'
import { commandOf, familyOf, nearestCommand } from './command-words.ts'
import { commands, everyCommand, everyServerCommand } from './commands.ts'
import { type ExitCode, exitCodeOf, exitCodes } from './exit-codes.ts'
import { commandHelp, familyHelp, generalHelp } from './help.ts'
import { defaultPort, readPort } from './port.ts'
import { Screen } from './screen.ts'
import type { Terminal } from './terminal.ts'
import { printable } from './text.ts'

/**
 * Carries out `muster <argv>` and gives the exit code. Never throws, and never prints a stack
 * trace.
 */
export async function runCli(argv: readonly string[], terminal: Terminal): Promise<number> {
  let code: number = exitCodes.done
  const asked = { json: argv.includes('--json') }
  const words = argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv
  const facts = commandOf(words)
  const program = programOf(terminal, async (called, given, args) => {
    code = await callCommand(called, given, args, terminal)
  })
  try {
    const help = facts ? undefined : helpWithoutCommand(words, terminal)
    if (help !== undefined) new Screen(terminal, asked).data(help)
    else await program.parseAsync(facts ? oneName(facts, words) : [...words], { from: 'user' })
    return code
  } catch (error) {
    const screen = new Screen(terminal, asked)
    if (!(error instanceof CommanderError)) return sayFailure(error, screen, terminal)
    if (error.exitCode === 0) return exitCodes.done // Help or version; commander printed it.
    return sayFailure(usageError(error, words), screen, terminal)
  }
}

/** The general help, or that of a family; refuses words that name no command. */
function helpWithoutCommand(words: readonly string[], terminal: Terminal): string | undefined {
  const [first, second = '--help'] = words
  if (first === undefined || first === '--help' || first === '-h') {
    return generalHelp(terminal.version)
  }
  if (first.startsWith('-')) return undefined
  const family = familyOf(first)
  if (family.length > 0 && second.startsWith('-')) return familyHelp(first, family)
  // With --help behind it, commander would print the general help and call it well done.
  const name = family.length > 0 ? `${first} ${second}` : first
  throw new CommanderError(1, 'commander.unknownCommand', `error: unknown command '${name}'`)
}

/** The words with the name of the command as one, as commander knows it. */
function oneName({ name }: CommandFacts, words: readonly string[]): string[] {
  return [name, ...words.slice(name.split(' ').length)]
}

type Given = Readonly<Record<string, unknown>>
type Ran = (facts: CommandFacts, given: Given, args: readonly string[]) => Promise<void>

function programOf(terminal: Terminal, ran: Ran): Command {
  const program = new Command('muster')
    .version(terminal.version, '-V, --version')
    .exitOverride()
    .showSuggestionAfterError(false)
    .helpCommand(false)
    .configureOutput({
      writeOut: text => void terminal.stdout.write(text),
      writeErr: () => {}, // Usage errors are said by `sayFailure`, in one line and a hint.
    })
    .configureHelp({
      formatHelp: command => {
        const facts = commands.find(c => c.name === command.name())
        return `${facts ? commandHelp(facts) : generalHelp(terminal.version)}\n`
      },
    })
  for (const facts of commands) {
    // `program.command` would take the second word of a name for an argument.
    const command = new Command(facts.name).copyInheritedSettings(program)
    program.addCommand(command)
    for (const a of facts.arguments) {
      command.argument(a.required ? `<${a.name}>` : `[${a.name}]`, a.help)
    }
    const shared = [...everyCommand, ...(facts.asksServer ? everyServerCommand : [])]
    for (const option of [...facts.options, ...shared]) {
      command.addOption(new Option(option.flags, option.help))
    }
    command.action(async () => {
      const args = command.processedArgs.flat().filter(a => typeof a === 'string')
      await ran(facts, command.opts(), args)
    })
  }
  return program
}

async function callCommand(
  facts: CommandFacts,
  given: Given,
  args: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const screen = new Screen(terminal, { json: given.json === true })
  try {
    refuseEmpty(facts, given, args)
    const { act } = await facts.load()
    const code = await act(callOf(given, args, screen, terminal))
    return screen.closed ? exitCodes.done : code
  } catch (error) {
    if (screen.closed) return exitCodes.done
    return sayFailure(inCommandWords(error, facts), screen, terminal)
  }
}

/** The server points to the description of its API, which nobody has in a terminal. */
function inCommandWords(error: unknown, { name }: CommandFacts): unknown {
  if (!(error instanceof MusterError) || !error.hint?.endsWith('see /api/docs')) return error
  const { code, message, field, extra, hint } = error
  return new MusterError(code, message, {
    ...(field === undefined ? {} : { field }),
    hint: hint.replace('see /api/docs', `see: muster ${name} --help`),
    extra,
    cause: error,
  })
}

function callOf(given: Given, args: readonly string[], screen: Screen, terminal: Terminal): Call {
  return {
    terminal,
    screen,
    args,
    server: serverOf(typeof given.server === 'string' ? given.server : undefined, terminal),
    flag: name => given[name] === true,
    text: name => (typeof given[name] === 'string' ? given[name] : undefined),
    texts: name => (Array.isArray(given[name]) ? given[name].map(String) : []),
  }
}

function serverOf(given: string | undefined, terminal: Terminal): string {
  if (given === undefined) {
    return `http://127.0.0.1:${readPort(terminal.env.MUSTER_PORT, 'MUSTER_PORT') ?? defaultPort}`
  }
  const url = URL.canParse(given) ? new URL(given) : undefined
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password) return url.origin
  throw new MusterError('E_USAGE', `\`${printable(given)}\` is not the address of a server`, {
    field: '--server',
    hint: 'write it as http://127.0.0.1:7077',
  })
}

function refuseEmpty(facts: CommandFacts, given: Given, args: readonly string[]): void {
  const emptyOption = Object.entries(given).find(([, value]) => [value].flat().includes(''))
  const emptyArgument = args.indexOf('')
  if (!emptyOption && emptyArgument < 0) return
  const name = emptyOption ? `--${emptyOption[0]}` : facts.arguments[emptyArgument]?.name
  throw new MusterError('E_USAGE', `${name ?? 'an argument'} is empty`, {
    hint: `see: muster ${facts.name} --help`,
  })
}

function usageError(error: CommanderError, words: readonly string[]): MusterError {
  const facts = commandOf(words)
  const message = error.message.replace(/^error: /, '').replaceAll("'", '`')
  const family = familyOf(words[0]).length > 0 ? words[0] : undefined
  const name = facts?.name ?? family
  let hint = `see: muster ${name === undefined ? '' : `${name} `}--help`
  if (error.code === 'commander.unknownCommand') {
    const near = nearestCommand(words)
    if (near) hint = `use \`muster ${near}\``
  } else if (error.code === 'commander.unknownOption' && facts) {
    const wrong = /`(--?[^`]*)`/.exec(message)?.[1] ?? ''
    const known = [...facts.options, ...everyCommand, ...everyServerCommand]
    const flags = known.map(o => o.flags.split(/[ ,]/)[0] ?? '')
    const near = nearest(wrong, flags, 1)[0]
    if (near) hint = `use \`${near}\``
  }
  return new MusterError('E_USAGE', printable(message), { hint })
}

/** One line that says what is wrong, one with the cure. As an object too, when objects are read. */
function sayFailure(error: unknown, screen: Screen, terminal: Terminal): ExitCode {
  if (terminal.signal.aborted) {
    screen.say('Interrupted. What the server was asked for goes on: muster status')
    return exitCodes.interrupted
  }
  const known = error instanceof MusterError ? error : unforeseen(error)
  if (screen.json) {
    const { code, field, hint, extra } = known
    screen.object({ error: { code, detail: known.message, field, hint, ...extra } })
  }
  screen.say(`${screen.talkInk.red('muster:')} ${printable(known.message)}`)
  if (known.hint) screen.say(`  ${printable(known.hint)}`)
  return exitCodeOf(known)
}

const fileErrors: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EISDIR: 'is a folder, not a file',
  ENOTDIR: 'is a file, not a folder',
  EACCES: 'may not be read or written',
  EPERM: 'may not be read or written',
  EEXIST: 'exists already',
  ENOSPC: 'does not fit on the disk',
}

/**
 * Errors of the file system in words; anything else is a fault of ours, told without its insides.
 */
function unforeseen(error: unknown): MusterError {
  const { code, path } = error as { code?: string; path?: string }
  const words = code === undefined ? undefined : fileErrors[code]
  if (words && path) return new MusterError('E_USAGE', `${path} ${words}`, { cause: error })
  const name = error instanceof Error ? error.name : typeof error
  return new MusterError('E_INTERNAL', `this should not have happened (${name})`, {
    hint: 'muster doctor may tell more',
    cause: error,
  })
}
