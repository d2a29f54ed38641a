import { countOf, formatCount } from '../../base/format.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { pagesOf } from '../pages.ts'
import type { Column } from '../table.ts'
import { printable, timeWords } from '../text.ts'

export const act: Act = async call => (call.args.length > 0 ? lift(call) : list(call))

const columns: readonly Column[] = [
  { head: 'model', elastic: true, atLeast: 20 },
  { head: 'version', align: 'right' },
  { head: 'since' },
  { head: 'because', elastic: true, atLeast: 20 },
]

async function list(call: Call): Promise<number> {
  const { screen } = call
  const client = connect(call)
  const ask = (page: object) => client.quarantinedVersions(page)
  let [shown, more] = [0, false]
  for await (const page of pagesOf(call, 'the quarantined versions', ask)) {
    shown += page.items.length
    more = page.nextCursor !== null
    if (screen.json) for (const row of page.items) screen.object(row)
    else {
      const rows = page.items.map(({ model, version, since, because }) => [
        printable(model),
        String(version),
        screen.width === undefined ? since : timeWords(since),
        printable(because),
      ])
      if (rows.length > 0) screen.table(columns, rows)
    }
  }
  if (screen.json) return exitCodes.done
  if (shown === 0) screen.say('No version is quarantined.')
  else if (more) screen.say(`${formatCount(shown)} shown, and there are more (--limit).`)
  return exitCodes.done
}

/** `route-late.ATL@3`, or all versions of `route-late.ATL`. */
async function lift(call: Call): Promise<number> {
  const { screen, args } = call
  const versions = args.map(text => {
    const at = /^(.+)@([1-9]\d{0,9})$/.exec(text)
    return at ? { model: at[1]!, version: Number(at[2]) } : { model: text }
  })
  const done = await connect(call).liftQuarantine({ versions })
  if (screen.json) for (const row of done.versions) screen.object(row)
  const lifted = done.versions.filter(({ outcome }) => outcome === 'lifted')
  for (const { model, version, outcome } of done.versions) {
    if (screen.json || outcome === 'lifted') continue
    screen.say(`${printable(model)}${version === null ? '' : ` v${version}`} is not quarantined.`)
  }
  if (!screen.json) screen.say(`${countOf(lifted.length, 'version')} asked again from now on.`)
  return lifted.length === done.versions.length ? exitCodes.done : exitCodes.failed
}
