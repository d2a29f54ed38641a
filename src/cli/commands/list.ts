import { MusterError } from '../../base/errors.ts'
import { countOf, formatCount } from '../../base/format.ts'
import { type ModelRow, readFilter, type SortWord, sortWords } from '../../contract/index.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { pagesOf } from '../pages.ts'
import { asideText, isFailing, stateText } from '../state-look.ts'
import type { Column } from '../table.ts'
import { printable } from '../text.ts'

const columns: readonly Column[] = [
  { head: 'name' }, // Never cut: cut names are all alike.
  { head: 'state' },
  { head: 'rows', align: 'right' },
  { head: 'version', align: 'right' },
  { head: 'answered by', elastic: true },
  { head: 'reason' },
  { head: 'because', elastic: true, atLeast: 30 }, // Of a sentence, less says nothing.
]

export const act: Act = async call => {
  const { screen } = call
  const filter = call.args.join(' ')
  readFilter(filter) // A wrong term is refused here, also when no server answers.
  const sort = sortOf(call)
  const client = connect(call)
  let shown = 0
  let goesOn = false
  for await (const page of pagesOf(call, 'the list', p => client.models({ ...p, filter, sort }))) {
    show(call, page.items)
    shown += page.items.length
    goesOn = page.nextCursor !== null
  }
  if (screen.json) return exitCodes.done
  const more = goesOn ? ', and there are more (--limit)' : ''
  screen.say(shown === 0 ? 'No model fits this filter.' : `${countOf(shown, 'model')}${more}.`)
  const query = new URLSearchParams({ filter, sort })
  screen.say(`${client.server}/api/v1/models?${query}`)
  return exitCodes.done
}

function show({ screen }: Call, models: readonly ModelRow[]): void {
  if (screen.json) {
    for (const model of models) screen.object(model)
    return
  }
  const onTerminal = screen.width !== undefined
  const number = onTerminal ? formatCount : String
  const rows = models.map(m => [
    printable(m.name),
    m.aside ? asideText(m.aside, onTerminal) : stateText(m.state, onTerminal),
    number(m.rows),
    m.version === null ? (onTerminal ? '-' : '') : `v${m.version}`,
    printable(m.answeredBy === m.name ? (m.aside ? 'a stand-in' : 'itself') : (m.answeredBy ?? '')),
    printable(m.reason),
    printable(m.aside?.because ?? m.because),
  ])
  screen.table(columns, rows, (line, row) => {
    const model = models[row]
    return model !== undefined && isFailing(model) ? screen.ink.red(line) : line
  })
}

function sortOf(call: Call): SortWord {
  const given = call.text('sort') ?? 'name'
  const known = sortWords.find(word => word === given)
  if (known) return known
  throw new MusterError('E_USAGE', `\`${given}\` is no order of models`, {
    field: '--sort',
    hint: `use one of ${sortWords.join(', ')}`,
  })
}
