import { formatCount } from '../../base/format.ts'
import type { Act } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { pagesOf } from '../pages.ts'
import type { Column } from '../table.ts'
import { printable } from '../text.ts'

const columns: readonly Column[] = [
  { head: 'graph' },
  { head: 'nodes', align: 'right' },
  { head: 'deadline', align: 'right' },
  { head: 'calls', elastic: true },
  { head: 'from', elastic: true },
  { head: 'to', elastic: true },
]

export const act: Act = async call => {
  const { screen } = call
  const client = connect(call)
  let [shown, more] = [0, false]
  for await (const page of pagesOf(call, 'the graphs', p => client.graphs(p))) {
    shown += page.items.length
    more = page.nextCursor !== null
    if (screen.json) for (const graph of page.items) screen.object(graph)
    else {
      const rows = page.items.map(graph => [
        graph.name,
        String(graph.nodes),
        `${graph.deadlineMs} ms`,
        printable(graph.models.join(', ')),
        printable(graph.triggers.join(', ')),
        printable(graph.sinks.join(', ')),
      ])
      screen.table(columns, rows)
    }
  }
  if (screen.json) return exitCodes.done
  if (shown === 0) screen.say('The fleet declares no graph. How: docs/guide/graphs.md')
  else {
    screen.say(`${formatCount(shown)} shown${more ? ', and there are more (--limit)' : ''}.`)
    screen.say('One of them: muster graphs show NAME')
  }
  return exitCodes.done
}
