import { MusterError } from '../../base/errors.ts'
import { countOf, formatCount } from '../../base/format.ts'
import type { QuarantinePage, ReleaseAsk } from '../../contract/index.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { pagesOf } from '../pages.ts'
import type { Column } from '../table.ts'
import { printable } from '../text.ts'
import { waiting } from '../waiting.ts'

export const act: Act = async call => {
  const released = call.text('release')
  return released === undefined ? list(call) : release(call, askOf(released))
}

async function list(call: Call): Promise<number> {
  const { screen } = call
  const [source = ''] = call.args
  const client = connect(call)
  let shown = 0
  let last: QuarantinePage | undefined
  for await (const page of pagesOf(call, 'the rows', p => client.quarantine(source, p))) {
    if (last === undefined && !screen.json) sayFindings(call, page)
    showRows(call, page)
    shown += page.items.length
    last = page
  }
  if (screen.json) return exitCodes.done
  const rows = last?.rows ?? 0
  if (rows === 0) screen.say(`No row of ${printable(source)} is in quarantine.`)
  else {
    const more = shown < rows ? `, ${formatCount(shown)} shown (--limit)` : ''
    screen.say(`${countOf(rows, 'row')} set aside by ${last?.commit}${more}.`)
    screen.say(`To bring some back: muster data quarantine ${printable(source)} --release ROWS`)
  }
  return exitCodes.done
}

function sayFindings({ screen }: Call, { findings }: QuarantinePage): void {
  for (const { number, expected, because } of findings) {
    screen.say(printable(`expectation ${number}: ${expected}: ${because}`))
  }
}

function showRows({ screen }: Call, page: QuarantinePage): void {
  if (screen.json) {
    for (const row of page.items) screen.object(row)
    return
  }
  const inFiles = page.items.some(row => row.file !== null)
  const heads: readonly Column[] = [
    { head: 'row', align: 'right' },
    { head: 'fails' },
    ...(inFiles ? [{ head: 'file' }, { head: 'row in it', align: 'right' as const }] : []),
    ...page.columns.map(head => ({ head: printable(head), elastic: true })),
  ]
  const rows = page.items.map(({ row, expectations, file, rowInFile, values }) => [
    String(row),
    expectations.join(' '),
    ...(inFiles ? [printable(file ?? ''), String(rowInFile ?? '')] : []),
    ...values.map(value => printable(value ?? '')),
  ])
  screen.table(heads, rows)
}

/** `all`, `expectation=2` or numbers of rows: `17,40`. */
function askOf(words: string): ReleaseAsk {
  if (words === 'all') return { all: true }
  const [, expectation] = /^expectation=(\d{1,6})$/.exec(words) ?? []
  if (expectation !== undefined) return { expectation: Number(expectation) }
  if (/^\d{1,10}(?:,\d{1,10})*$/.test(words)) return { rows: words.split(',').map(Number) }
  throw new MusterError('E_USAGE', `\`${printable(words)}\` says no rows`, {
    field: '--release',
    hint: 'write all, expectation=1, or numbers of rows: 17,40',
  })
}

async function release(call: Call, ask: ReleaseAsk): Promise<number> {
  const { screen } = call
  const [source = ''] = call.args
  const answer = await waiting(call, 'releasing', connect(call).release(source, ask))
  if (screen.json) {
    screen.object(answer)
    return exitCodes.done
  }
  const { rows, commit, outcome } = answer
  if (rows === 0) screen.say('None of these is in quarantine: nothing was changed.')
  else screen.say(`${countOf(rows, 'row')} released: ${commit}, ${outcome}. Next: muster plan`)
  return exitCodes.done
}
