import { setImmediate } from 'node:timers/promises'
import { MusterError } from '../base/errors.ts'
import { modelName, readModelName } from '../base/model-name.ts'
import type { Variables } from '../gate/index.ts'
import { evaluate, holds } from './evaluate.ts'
import type { GraphModels } from './models.ts'
import type { SelectPlan } from './plan.ts'

/**
 * Members that are looked at for one message, at most: `where` is evaluated for each, between two
 * looks at the clock.
 */
export const candidatesMax = 1_024

/** Gives `each` of a list, with a turn for others after every 64: some milliseconds of CEL. */
export async function* inTurns<T>(list: Iterable<T>): AsyncGenerator<T> {
  let given = 0
  for (const each of list) {
    if (given > 0 && given % 64 === 0) await setImmediate()
    given += 1
    yield each
  }
}

export interface Selected {
  readonly model: string
  /** By column. */
  readonly key: Readonly<Record<string, string>>
}

/**
 * The models that a message goes to, in order of their names where they were looked up, else of the
 * key. Throws E_FEATURE_VALUE for a key that is no key value, E_MODEL_UNKNOWN when there are none,
 * E_TOO_LARGE when there are more than may be, and what `members` throws.
 */
export async function selectModels(
  select: SelectPlan,
  variables: Variables,
  { models, checkTime }: { readonly models: GraphModels; checkTime(): void },
): Promise<readonly Selected[]> {
  const limit = select.where === undefined ? select.atMost : candidatesMax
  const prefixes = prefixesOf(select, variables, limit)
  const isWhole = select.key.length === select.columns.length
  const names = new Set<string>()
  for (const prefix of prefixes) {
    const found = isWhole ? [prefix] : models.members(prefix, limit + 1 - names.size)
    for (const name of found) names.add(name)
    if (names.size > limit) throw tooMany(select, `more than ${limit}`)
  }
  const selected: Selected[] = []
  for await (const model of inTurns(names)) {
    const one = { model, key: keyOf(model, select.columns) }
    if (select.where !== undefined) {
      checkTime()
      if (!holds(select.where, { ...variables, key: one.key }, '`where`')) continue
    }
    selected.push(one)
  }
  if (selected.length > select.atMost) throw tooMany(select, String(selected.length))
  if (selected.length > 0) return selected
  const below = prefixes.length === 1 ? `below ${prefixes[0]}` : 'of these key values'
  throw new MusterError('E_MODEL_UNKNOWN', `the message selects no model ${below}`, {
    hint: `list them: muster list under:${select.blueprint}`,
  })
}

function prefixesOf(select: SelectPlan, variables: Variables, limit: number): readonly string[] {
  let keys: readonly (readonly string[])[] = [[]]
  for (const [i, expression] of select.key.entries()) {
    const where = `key \`${select.columns[i]}\``
    const given = evaluate(expression, variables, where)
    const values = (Array.isArray(given) ? given : [given]).map(value => textOf(value, where))
    if (keys.length * values.length > limit) throw tooMany(select, `more than ${limit}`)
    keys = keys.flatMap(key => values.map(value => [...key, value]))
  }
  return [...new Set(keys.map(key => modelName(select.blueprint, key)))]
}

/** As the name of a model spells the value of a column. */
function textOf(value: unknown, where: string): string {
  if (typeof value === 'string' || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return String(value)
  const found = value === null ? 'null' : Array.isArray(value) ? 'a list' : 'an object'
  throw new MusterError('E_FEATURE_VALUE', `${where} is ${found}, which names no model`, {
    field: where,
    hint: 'a key value is a text or a number; for several models, a list of them',
  })
}

function keyOf(model: string, columns: readonly string[]): Readonly<Record<string, string>> {
  const values = readModelName(model)?.keyValues ?? []
  return Object.fromEntries(columns.map((column, i) => [column, values[i] ?? '']))
}

function tooMany({ blueprint, atMost }: SelectPlan, found: string): MusterError {
  return new MusterError(
    'E_TOO_LARGE',
    `the message selects ${found} models of ${blueprint}; the limit is ${atMost}`,
    { hint: 'give more of the key, or raise `atMost` of the graph' },
  )
}
