import { MusterError } from '../../base/errors.ts'
import { countOf, formatCount } from '../../base/format.ts'
import { nearest } from '../../base/nearest.ts'
import { type CatalogueEntry, type CatalogueKind, catalogueKinds } from '../../contract/index.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { pagesOf } from '../pages.ts'
import type { Column } from '../table.ts'
import { printable, timeWords } from '../text.ts'

const columns: readonly Column[] = [
  { head: 'kind' },
  { head: 'name' },
  { head: 'owner' },
  { head: 'newest event' },
  { head: 'models', align: 'right' },
  { head: 'read by', elastic: true },
  { head: 'what it is', elastic: true, atLeast: 20 },
]

export const act: Act = async call => {
  const { screen } = call
  const words = call.args.join(' ')
  const kind = kindOf(call)
  const owner = call.text('owner')
  const search = {
    ...(words === '' ? {} : { query: words }),
    ...(kind === undefined ? {} : { kind }),
    ...(owner === undefined ? {} : { owner }),
  }
  const client = connect(call)
  let shown = 0
  let more = false
  let near: readonly string[] = []
  for await (const page of pagesOf(call, 'the catalogue', p =>
    client.features({ ...p, ...search }),
  )) {
    show(call, page.items)
    shown += page.items.length
    more = page.nextCursor !== null
    near = page.nearest
  }
  const command = shown === 0 ? commandNear(words) : undefined
  if (command !== undefined) {
    throw new MusterError('E_USAGE', `nothing has \`${words}\`, and it is no command`, {
      hint: `the command is: muster features ${command}`,
    })
  }
  if (screen.json) return exitCodes.done
  if (shown === 0) screen.say(nothingFound([words, kind, owner].filter(Boolean).join(' '), near))
  else {
    screen.say(`${formatCount(shown)} found${more ? ', and there are more (--limit)' : ''}.`)
    screen.say('One of them: muster features show NAME')
  }
  return exitCodes.done
}

const commands = ['show', 'diff', 'next', 'materialise', 'verify']

/** A command that was misspelt and so taken for words to search for. */
function commandNear(words: string): string | undefined {
  const [word = ''] = words.split(' ')
  const [near] = nearest(word, commands, 1)
  return near?.slice(0, 3) === word.slice(0, 3) ? near : undefined
}

function nothingFound(words: string, near: readonly string[]): string {
  if (near.length > 0)
    return `Nothing has all of \`${printable(words)}\`; nearest: ${near.join(', ')}`
  return words === ''
    ? 'Nothing is shared yet: nothing was applied.'
    : `Nothing has all of \`${printable(words)}\`.`
}

function kindOf(call: Call): CatalogueKind | undefined {
  const given = call.text('kind')
  const known = catalogueKinds.find(kind => kind === given)
  if (given === undefined || known) return known
  const [near] = nearest(given, catalogueKinds, 1)
  throw new MusterError('E_USAGE', `\`${given}\` is no kind of the catalogue`, {
    field: '--kind',
    hint: near ? `use \`${near}\`` : `use one of ${catalogueKinds.join(', ')}`,
  })
}

function show({ screen }: Call, entries: readonly CatalogueEntry[]): void {
  if (screen.json) {
    for (const entry of entries) screen.object(entry)
    return
  }
  const number = screen.width === undefined ? String : formatCount
  const rows = entries.map(({ kind, name, owner, freshness, readBy, means }) => [
    kind,
    printable(name),
    printable(owner),
    freshness?.newestEvent ? timeWords(freshness.newestEvent) : '',
    number(readBy.models),
    printable(readersText(readBy)),
    printable(means),
  ])
  screen.table(columns, rows)
}

/** `route-late, route-delay`; where there is no blueprint, views; else that nobody reads it. */
export function readersText({ blueprints, views }: CatalogueEntry['readBy']): string {
  if (blueprints.length > 0) return blueprints.join(', ')
  return views.length > 0 ? `${countOf(views.length, 'view')}, no blueprint` : 'nobody'
}
