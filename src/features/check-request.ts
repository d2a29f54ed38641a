import { type Engine, quoted, type Relation, readExpression } from '../engine/index.ts'
import type { FeatureViewSpec } from '../spec/index.ts'
import { type Check, within } from './check-problems.ts'
import { rowValueKind } from './row-values.ts'

/**
 * Columns that callers may send are columns of the rows, of the same type: a feature would else be
 * computed of other numbers in serving than in training.
 */
export async function checkRequest(
  check: Check,
  engine: Engine,
  view: FeatureViewSpec,
  relation: Relation,
): Promise<void> {
  for (const [name, declared] of Object.entries(view.request ?? {})) {
    const at = within('FeatureView', view.id)('request', name)
    const sent = await check.try(at, () =>
      readExpression(engine, relation, `cast(null as ${declared})`),
    )
    const column = await check.try(at, () => readExpression(engine, relation, quoted(name)))
    if (sent === undefined || column === undefined) continue
    if (rowValueKind(sent.type) === undefined) {
      const cure = 'take a number, true/false, text or a time, or have the feature itself sent'
      check.say(at, 'E_DATA_SCHEMA', `${sent.type} cannot come in a request`, cure)
    } else if (sent.type !== column.type) {
      const detail = `\`${name}\` is ${column.type} in ${view.rows}, not ${sent.type}`
      check.say(at, 'E_DATA_SCHEMA', detail, `write ${name}: ${column.type}`)
    }
  }
}
