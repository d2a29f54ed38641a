import { countOf, formatCount, formatNumber } from '../../base/format.ts'
import type { ColumnProfileView } from '../../contract/index.ts'
import type { Act } from '../command.ts'
import { connect } from '../connect.ts'
import { medianText, snapshotText } from '../diff-text.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Column } from '../table.ts'
import { printable } from '../text.ts'
import { waiting } from '../waiting.ts'

const columns: readonly Column[] = [
  { head: 'column' },
  { head: 'type' },
  { head: 'nulls', align: 'right' },
  { head: 'distinct', align: 'right' },
  { head: 'least' },
  { head: 'median' },
  { head: 'greatest' },
  { head: 'mean', align: 'right' },
  { head: 'most frequent', elastic: true, atLeast: 16 },
]

export const act: Act = async call => {
  const { screen } = call
  const [source = ''] = call.args
  const of = call.text('of')
  const asked = connect(call).profile(source, of === undefined ? {} : { of })
  const profile = await waiting(call, 'reading the profile', asked)
  if (screen.json) {
    screen.object(profile)
    return exitCodes.done
  }
  const entities = profile.entities === null ? '' : `, ${countOf(profile.entities, 'entity')}`
  screen.say(`${printable(profile.source)}: ${snapshotText(profile)}${entities}`)
  screen.table(columns, profile.columns.map(rowOf))
  return exitCodes.done
}

const topShown = 4

function rowOf(column: ColumnProfileView): readonly string[] {
  const { name, type, nulls, distinct, min, max, mean, top, rows } = column
  const frequent = top.slice(0, topShown).map(({ value, count }) => {
    return `${printable(value)} ${formatNumber((100 * count) / rows)} %`
  })
  return [
    printable(name),
    type,
    formatCount(nulls),
    formatCount(distinct),
    printable(min ?? ''),
    medianText(column),
    printable(max ?? ''),
    mean === null ? '' : formatNumber(mean),
    // Where nearly every value is another, none is frequent.
    distinct > rows / 2 ? '' : frequent.join(', '),
  ]
}
