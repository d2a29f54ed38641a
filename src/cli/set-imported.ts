import type { Act } from './command.ts'
import { connect } from './connect.ts'
import { exitCodes } from './exit-codes.ts'
import { printable } from './text.ts'

/** `load`, `unload` and `imported remove`: per name, exit 1 when one was refused. */
export function setImported(verb: 'load' | 'unload' | 'remove'): Act {
  return async call => {
    const { screen, args } = call
    const { items } = await connect(call).setImported(verb, args)
    for (const item of items) {
      if (screen.json) screen.object(item)
      else if (item.outcome === 'done') screen.data(`${item.name} ${done[verb]}.`)
      else screen.say(screen.ink.red(`${printable(item.name)}: ${item.because}`))
    }
    return items.some(item => item.outcome === 'refused') ? exitCodes.failed : exitCodes.done
  }
}

const done = { load: 'serves', unload: 'serves no more', remove: 'is removed' } as const
