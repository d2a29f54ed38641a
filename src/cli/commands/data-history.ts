import { countOf, formatCount, formatNumber } from '../../base/format.ts'
import type { CommitRow } from '../../contract/index.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { pagesOf } from '../pages.ts'
import type { Column } from '../table.ts'
import { printable, timeWords } from '../text.ts'

const columns: readonly Column[] = [
  { head: 'commit' },
  { head: 'at' },
  { head: 'outcome' },
  { head: 'change', elastic: true, atLeast: 20 },
  { head: 'rows', align: 'right' },
  { head: 'files', align: 'right' },
  { head: 'MB', align: 'right' },
  { head: 'because', elastic: true },
]

export const act: Act = async call => {
  const { screen } = call
  const client = connect(call)
  const name = call.args[0] ?? ''
  let shown = 0
  let more = false
  for await (const page of pagesOf(call, 'its history', p => client.commits(name, p))) {
    show(call, page.items)
    shown += page.items.length
    more = page.nextCursor !== null
  }
  if (screen.json) return exitCodes.done
  const rest = more ? ', and there are older ones (--limit)' : ''
  screen.say(
    shown === 0
      ? `Nothing yet. Next: muster data append ${name} FILE, or muster plan`
      : `${countOf(shown, 'commit')}${rest}.`,
  )
  return exitCodes.done
}

function show({ screen }: Call, commits: readonly CommitRow[]): void {
  if (screen.json) {
    for (const commit of commits) screen.object(commit)
    return
  }
  const people = screen.width !== undefined
  const number = people ? formatCount : String
  const rows = commits.map(commit => [
    commit.id,
    people ? timeWords(commit.at) : commit.at,
    commit.outcome,
    changeWords(commit),
    number(commit.rows),
    number(commit.files),
    people ? formatNumber(commit.sizeBytes / 1e6) : String(commit.sizeBytes),
    printable(becauseOf(commit)),
  ])
  screen.table(columns, rows, (line, row) =>
    commits[row]?.outcome === 'rejected' ? screen.ink.red(line) : line,
  )
}

export function changeWords({ change }: Pick<CommitRow, 'change'>): string {
  switch (change.kind) {
    case 'taken':
      return 'looked at'
    case 'append': {
      const late = change.late > 0 ? `, ${formatCount(change.late)} of them late` : ''
      return `${countOf(change.rows, 'row')} appended${late}`
    }
    case 'delete':
      return `${countOf(change.rows, 'row')} of ${countOf(change.entities, 'entity')} deleted`
    case 'compact':
      return `${formatCount(change.filesBefore)} files to ${formatCount(change.filesAfter)}`
    case 'release':
      return `${countOf(change.rows, 'row')} released`
    default:
      return change satisfies never
  }
}

function becauseOf(commit: CommitRow): string {
  if (commit.erased) return 'as it is left after a deletion'
  const failing = commit.findings.find(finding => !finding.holds)
  return failing ? `${failing.expected}: ${failing.because}` : ''
}
