import type { DeclaredKind, FleetReading } from './declared.ts'
import type { BlueprintSpec } from './fleet-spec.ts'
import { durationMs } from './groups.ts'
import type { RiskClass } from './words.ts'

export type ServingSpec = BlueprintSpec['serving']
export type Fallback = ServingSpec['fallback'][number]

/** An answer that is given again is at most so old, where the blueprint does not say: one hour. */
const cachedForMsDefault = 3_600_000

/** Of a blueprint that says nothing of it. */
export function defaultServing(riskClass: RiskClass): ServingSpec {
  return {
    fallback: ['previous', 'ancestor'],
    cachedForMs: undefined,
    rule: undefined,
    durable: riskClass === 'high',
    tier: 'preloaded',
    idleAfterMs: undefined,
    rowsInFlightMax: undefined,
  }
}

/** What a fallback needs is said, and what is said is used: anything else is a slip of the pen. */
export function readServing(
  declared: DeclaredKind<'Blueprint'>,
  riskClass: RiskClass,
  reading: FleetReading,
): ServingSpec {
  const { serving } = declared.value
  if (serving === undefined) return defaultServing(riskClass)
  const { fallback, cachedFor, rule, durable, tier, idleAfter, rowsInFlightMax } = serving
  const complain = (path: readonly PropertyKey[], message: string, cure: string) =>
    reading.complain(declared, ['serving', ...path], 'value', {
      code: 'E_SPEC_VALUE',
      message,
      cure,
    })
  const twice = fallback.findIndex((name, index) => fallback.indexOf(name) !== index)
  if (twice >= 0) {
    complain(
      ['fallback', twice],
      `\`${fallback[twice]}\` stands twice in \`fallback\``,
      'name it once',
    )
  }
  if (fallback.includes('rule') && rule === undefined) {
    complain(['fallback'], '`fallback` names a rule, and there is none', 'add `rule`')
  }
  for (const [field, given, name] of [
    ['rule', rule, 'rule'],
    ['cachedFor', cachedFor, 'cached'],
  ] as const) {
    if (given === undefined || fallback.includes(name)) continue
    complain([field], `\`${field}\` is never used`, `add \`${name}\` to \`fallback\``)
  }
  if (idleAfter !== undefined && tier === 'pinned') {
    complain(['idleAfter'], 'what is pinned is never idle', 'remove it, or choose another tier')
  }
  return {
    fallback,
    cachedForMs: fallback.includes('cached')
      ? cachedFor === undefined
        ? cachedForMsDefault
        : durationMs(cachedFor)
      : undefined,
    rule,
    durable: durable ?? riskClass === 'high',
    tier,
    idleAfterMs: idleAfter === undefined ? undefined : durationMs(idleAfter),
    rowsInFlightMax,
  }
}
