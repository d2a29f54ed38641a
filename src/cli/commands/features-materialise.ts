import { countOf, formatCount } from '../../base/format.ts'
import type { Act } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Column } from '../table.ts'
import { printable } from '../text.ts'

const columns: readonly Column[] = [
  { head: 'group' },
  { head: 'outcome' },
  { head: 'rows', align: 'right' },
  { head: 'new entities', align: 'right' },
  { head: 'commit' },
  { head: 'because', elastic: true },
]

export const act: Act = async call => {
  const { screen, args } = call
  const { groups } = await connect(call).materialise({
    ...(args.length > 0 && { groups: [...args] }),
    ...(call.flag('full') && { full: true }),
  })
  const refused = groups.filter(group => group.outcome === 'refused').length
  const code = refused > 0 ? exitCodes.failed : exitCodes.done
  if (screen.json) {
    for (const group of groups) screen.object(group)
    return code
  }
  const number = screen.width === undefined ? String : formatCount
  const rows = groups.map(group => [
    group.group,
    group.outcome,
    number(group.rows),
    number(group.entities),
    group.commit ?? '-',
    printable(group.because),
  ])
  screen.table(columns, rows, (line, row) =>
    groups[row]?.outcome === 'refused' ? screen.ink.red(line) : line,
  )
  const told = refused > 0 ? `, ${refused} of them refused` : ''
  screen.say(`${countOf(groups.length, 'group')}${told}.`)
  return code
}
