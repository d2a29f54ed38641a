import { countOf, formatCount } from '../../base/format.ts'
import type { CatalogueEntry } from '../../contract/index.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { pagesOf } from '../pages.ts'
import type { Column } from '../table.ts'
import { printable, timeWords } from '../text.ts'

const columns: readonly Column[] = [
  { head: 'source' },
  { head: 'outcome' },
  { head: 'rows', align: 'right' },
  { head: 'set aside', align: 'right' },
  { head: 'newest event' },
  { head: 'accepted' },
  { head: 'commit' },
  { head: 'rows come from', elastic: true, atLeast: 20 },
]

export const act: Act = async call => {
  const { screen } = call
  const client = connect(call)
  let shown = 0
  let more = false
  const sources = pagesOf(call, 'the sources', p => client.features({ ...p, kind: 'source' }))
  for await (const page of sources) {
    show(call, page.items)
    shown += page.items.length
    more = page.nextCursor !== null
  }
  if (screen.json) return exitCodes.done
  const rest = more ? ', and there are more (--limit)' : ''
  screen.say(
    shown === 0 ? 'No source yet: nothing was applied.' : `${countOf(shown, 'source')}${rest}.`,
  )
  return exitCodes.done
}

function show({ screen }: Call, sources: readonly CatalogueEntry[]): void {
  if (screen.json) {
    for (const source of sources) screen.object(source)
    return
  }
  const onTerminal = screen.width !== undefined
  const number = onTerminal ? formatCount : String
  const rows = sources.map(({ name, freshness, means }) => [
    printable(name),
    outcomeText(freshness, onTerminal),
    freshness?.rows == null ? '' : number(freshness.rows),
    freshness === null ? '' : number(freshness.setAside),
    freshness?.newestEvent ? timeWords(freshness.newestEvent) : '',
    freshness?.acceptedAt ? timeWords(freshness.acceptedAt) : '',
    freshness === null ? '' : `c-${freshness.commit}`,
    printable(means),
  ])
  screen.table(columns, rows, (line, row) =>
    sources[row]?.freshness?.outcome === 'rejected' ? screen.ink.red(line) : line,
  )
}

/** Shape and word, never colour alone. */
function outcomeText(freshness: CatalogueEntry['freshness'], shape: boolean): string {
  if (freshness === null) return shape ? '· no data' : 'none'
  const mark = freshness.outcome === 'accepted' ? '● ' : '■ '
  return `${shape ? mark : ''}${freshness.outcome}`
}
