import { formatCount } from '../../base/format.ts'
import type { Act } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { pagesOf } from '../pages.ts'
import type { Column } from '../table.ts'
import { printable } from '../text.ts'

const columns: readonly Column[] = [
  { head: 'model' },
  { head: 'version', align: 'right' },
  { head: 'bytes', align: 'right' },
  { head: 'tier' },
  { head: 'state' },
  { head: 'because', elastic: true },
]

export const act: Act = async call => {
  const { screen } = call
  const client = connect(call)
  const number = screen.width === undefined ? String : formatCount
  let [shown, more] = [0, false]
  for await (const page of pagesOf(call, 'the models', p => client.imported(p))) {
    shown += page.items.length
    more = page.nextCursor !== null
    if (screen.json) for (const model of page.items) screen.object(model)
    else {
      const rows = page.items.map(model => [
        model.name,
        String(model.version),
        number(model.sizeBytes),
        model.tier,
        model.state,
        printable(model.because ?? ''),
      ])
      screen.table(columns, rows, (line, row) =>
        page.items[row]?.state === 'quarantined' ? screen.ink.red(line) : line,
      )
    }
  }
  if (screen.json) return exitCodes.done
  if (shown === 0) screen.say('No model was imported. How: muster import FILE --as NAME')
  else screen.say(`${formatCount(shown)} shown${more ? ', and there are more (--limit)' : ''}.`)
  return exitCodes.done
}
