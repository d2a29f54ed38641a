import { MusterError } from '../base/errors.ts'
import type { ModelName } from '../base/ids.ts'
import { levelOf, parentOf, readModelName } from '../base/model-name.ts'
import { nearest } from '../base/nearest.ts'
import { type Family, inherits } from './family.ts'

/** Who answers for a name: the model itself, or its nearest ancestor that serves, and then why. */
export interface Resolved {
  readonly family: Family
  /** Index in the family of the one that answers. */
  readonly member: number
  readonly answeredBy: string
  /** Why the model itself does not answer; undefined when it does. */
  readonly because: string | undefined
}

/**
 * Names that are compared with an unknown one, at most: a refusal costs the same in a fleet of any
 * size.
 */
const candidatesMax = 128

/**
 * Gives undefined when nothing serves from `name` up to the root. Throws E_MODEL_UNKNOWN with
 * nearest names.
 */
export function resolve(name: string, families: ReadonlyMap<string, Family>): Resolved | undefined {
  const dot = name.indexOf('.')
  const family = families.get(dot < 0 ? name : name.slice(0, dot))
  if (!family) throw unknownModel(name, families, undefined)
  const member = family.names.find(name)
  if (member >= 0 && family.origin[member] !== inherits) {
    return { family, member, answeredBy: name, because: undefined }
  }
  let because: string
  if (member >= 0) because = family.reasons[family.row[member]!]!
  else if (isWellFormed(name, family.keyLength))
    because = 'not a member: too few rows, or never seen in the data'
  else throw unknownModel(name, families, family)
  return ancestorIn(family, name, because)
}

/** The nearest that serves above the one that answers. */
export function ancestorOf({ family, answeredBy, because }: Resolved): Resolved | undefined {
  return ancestorIn(family, answeredBy, because)
}

function ancestorIn(
  family: Family,
  name: string,
  because: string | undefined,
): Resolved | undefined {
  for (let at = parentOf(name as ModelName); at !== undefined; at = parentOf(at)) {
    const member = family.names.find(at)
    if (member >= 0 && family.origin[member] !== inherits) {
      return { family, member, answeredBy: at, because }
    }
  }
  return undefined
}

/**
 * A caller who asks for a version wants that one: no other may answer. Throws E_NOT_FOUND naming
 * what serves.
 */
export function checkVersion(name: string, version: string, resolved: Resolved): void {
  const { answeredBy, because } = resolved
  const serving = String(resolved.family.version[resolved.member]!)
  if (because === undefined && version === serving) return
  const shown = printable(version)
  const instead =
    because === undefined
      ? `version ${serving} does`
      : `version ${serving} of ${answeredBy} answers for it`
  throw new MusterError('E_NOT_FOUND', `version ${shown} of ${name} does not serve; ${instead}`, {
    field: 'version',
    hint: `call it without /versions/${shown} for what serves`,
    extra: { serving: { model: answeredBy, version: serving } },
  })
}

function isWellFormed(name: string, keyLength: number): boolean {
  return levelOf(name as ModelName) <= keyLength && readModelName(name) !== undefined
}

/** 404 that helps. Reads the tables, keeps nothing: ten thousand unknown names leave no trace. */
export function unknownModel(
  name: string,
  families: ReadonlyMap<string, Family>,
  family: Family | undefined,
): MusterError {
  const near = nearest(name, family ? around(name, family) : elsewhere(name, families))
  const shown = printable(name)
  const tooDeep = family !== undefined && levelOf(name as ModelName) > family.keyLength
  return new MusterError(
    'E_MODEL_UNKNOWN',
    tooDeep
      ? `\`${shown}\` has more parts than the ${family.keyLength} of the key of ${family.blueprint}`
      : `the fleet has no model \`${shown}\``,
    {
      field: 'model',
      hint:
        near.length > 0
          ? `nearest: ${near.join(', ')}`
          : 'list them: muster list, or GET /api/v1/models',
      extra: { nearest: near },
    },
  )
}

/**
 * A wrong blueprint: the other blueprints, each also with the rest of the name where it has such a
 * member.
 */
function elsewhere(name: string, families: ReadonlyMap<string, Family>): readonly string[] {
  const dot = name.indexOf('.')
  const rest = dot < 0 ? '' : name.slice(dot)
  const found: string[] = []
  for (const [blueprint, family] of families) {
    if (found.length >= candidatesMax) break
    found.push(rest && family.names.find(blueprint + rest) >= 0 ? blueprint + rest : blueprint)
  }
  return found
}

/**
 * A malformed rest: what stands near it in the order of names, and the same from each of its
 * ancestors.
 */
function around(name: string, family: Family): ReadonlySet<string> {
  const found = new Set<string>()
  const { names } = family
  const levels = Math.min(levelOf(name as ModelName), family.keyLength) + 1
  const each = Math.floor(candidatesMax / (levels + 1))
  let at = name
  for (let level = 0; level <= levels; level++) {
    const middle = names.lowerBound(at)
    const from = Math.max(0, middle - (each >> 1))
    const to = Math.min(names.size, from + each)
    for (let i = from; i < to; i++) found.add(names.nameAt(i))
    const dot = at.lastIndexOf('.')
    if (dot < 0) break
    at = at.slice(0, dot)
  }
  return found
}

/** Names come from anywhere: shortened, and without what could break a terminal or a log line. */
export function printable(name: string): string {
  const short = name.length > 80 ? `${name.slice(0, 80)}...` : name
  return short.replace(/[^\x20-\x7e]/g, '?').replaceAll('`', "'")
}
