import { MusterError } from '../../base/errors.ts'
import { countOf, formatCount } from '../../base/format.ts'
import type { CatalogueEntry } from '../../contract/index.ts'
import type { Act } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { displayWidth, pad, printable, timeWords } from '../text.ts'
import { waiting } from '../waiting.ts'

export const act: Act = async call => {
  const name = call.args[0] ?? ''
  const { items, nearest } = await waiting(
    call,
    'the catalogue',
    connect(call).features({ name, limit: 10 }),
  )
  if (items.length === 0) {
    throw new MusterError('E_NOT_FOUND', `the fleet shares nothing that is named \`${name}\``, {
      hint: nearest.length > 0 ? `nearest: ${nearest.join(', ')}` : 'list it: muster features',
    })
  }
  for (const [index, entry] of items.entries()) {
    if (call.screen.json) call.screen.object(entry)
    else for (const line of entryLines(entry, index > 0)) call.screen.data(line)
  }
  return exitCodes.done
}

function entryLines(entry: CatalogueEntry, another: boolean): string[] {
  const { readBy, published, freshness, fields } = entry
  const pairs: (readonly [string, string])[] = [
    ['owner', entry.owner],
    ...(entry.description === null ? [] : [['about', entry.description] as const]),
    ['declared', entry.declaredAt],
    ...(published === null
      ? []
      : [['published', `by ${published.plan}, ${timeWords(published.at)}`] as const]),
    ...(freshness === null ? [] : [['data', freshnessText(freshness)] as const]),
    ['read by', readersText(readBy)],
    ...fields.map(field => [field.name, field.value] as const),
  ]
  const width = Math.max(...pairs.map(([name]) => displayWidth(printable(name))))
  const lines = pairs.map(
    ([name, value]) => `  ${pad(printable(name), width)}  ${printable(value)}`,
  )
  return [...(another ? [''] : []), `${entry.kind} ${printable(entry.name)}`, '', ...lines]
}

/** `3,000,000 rows to 2001-07-01 00:00, 12 set aside, accepted 2026-11-21 12:03`. */
export function freshnessText(data: NonNullable<CatalogueEntry['freshness']>): string {
  const to = data.newestEvent === null ? '' : ` to ${timeWords(data.newestEvent)}`
  return [
    ...(data.rows === null ? [] : [`${countOf(data.rows, 'row')}${to}`]),
    ...(data.setAside > 0 ? [`${formatCount(data.setAside)} set aside`] : []),
    ...(data.acceptedAt === null ? [] : [`accepted ${timeWords(data.acceptedAt)}`]),
    ...(data.outcome === 'rejected' ? ['the newest was rejected'] : []),
  ].join(', ')
}

function readersText({ views, blueprints, models }: CatalogueEntry['readBy']): string {
  if (views.length + blueprints.length === 0) return 'nobody'
  const families = blueprints.length === 0 ? 'no blueprint' : blueprints.join(', ')
  const by = views.length === 0 ? '' : ` through ${views.join(', ')}`
  return `${families}${by}: ${countOf(models, 'model')}`
}
