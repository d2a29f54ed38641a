import { MusterError } from '../../base/errors.ts'
import { countOf } from '../../base/format.ts'
import type { DeleteAnswer } from '../../contract/index.ts'
import type { Act } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import type { Screen } from '../screen.ts'
import { printable } from '../text.ts'
import { waiting } from '../waiting.ts'

export const act: Act = async call => {
  const name = call.args[0] ?? ''
  const entity = readEntity(call.texts('entity'))
  const deleting = connect(call).deleteEntities(name, { entities: [entity] })
  const answer = await waiting(call, `${name} deletes`, deleting)
  const { screen } = call
  if (screen.json) screen.object({ source: name, ...answer })
  else tell(screen, answer)
  return exitCodes.done
}

function tell(screen: Screen, { rows, snapshots, predictions }: DeleteAnswer): void {
  const erased = predictions?.rows ?? 0
  if (rows > 0) {
    screen.data(`${countOf(rows, 'row')} deleted, from ${countOf(snapshots, 'snapshot')}.`)
    screen.say('Next: muster plan, so that models are trained without them')
  }
  if (erased > 0) screen.data(`${countOf(erased, 'prediction')} erased.`)
  if (rows + erased === 0) screen.data('There were no such rows; nothing has changed.')
  const { notHeld = [], unreadable = 0 } = predictions ?? {}
  for (const { blueprint, levels } of notHeld) {
    screen.say(
      `Predictions of ${printable(`${blueprint} (${levels.join(', ')})`)} do not tell of whom ` +
        'they are: erase theirs by receipt, muster predictions erase RECEIPTS',
    )
  }
  if (unreadable > 0) {
    screen.say(`${countOf(unreadable, 'file')} of predictions cannot be read: see muster doctor`)
  }
}

/** `station=70`: the first `=` parts them, so that values may hold any. */
function readEntity(pairs: readonly string[]): Record<string, string> {
  const entity: Record<string, string> = {}
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    const column = pair.slice(0, Math.max(0, at))
    if (column === '' || column in entity) {
      const what = column === '' ? `\`${pair}\` is no column=value` : `\`${column}\` is named twice`
      throw new MusterError('E_USAGE', what, {
        field: 'entity',
        hint: 'name columns and values: --entity station=70',
      })
    }
    entity[column] = pair.slice(at + 1)
  }
  if (pairs.length > 0) return entity
  throw new MusterError('E_USAGE', 'no entity is named', {
    field: 'entity',
    hint: 'say whose rows go: --entity station=70',
  })
}
