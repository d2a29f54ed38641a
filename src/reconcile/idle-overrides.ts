import { modelName } from '../base/model-name.ts'
import { nearest } from '../base/nearest.ts'
import type { MemberList } from '../fleet/index.ts'
import { type BlueprintSpec, type Fault, matchesPattern } from '../spec/index.ts'

/** Names that are compared with a pattern, for the hint. */
const comparedMax = 20_000

/**
 * Overrides that match no member: a slip of the pen that would otherwise change nothing, silently.
 */
export function idleOverrides(blueprint: BlueprintSpec, members: MemberList): readonly Fault[] {
  return blueprint.overrides.flatMap((override): Fault[] => {
    const depth = override.match.split('.').length
    const keys = members.levels[depth]?.keys ?? []
    if (keys.some(key => matchesPattern(override.match, key))) return []
    const near = nearest(override.match, patternsLike(override.match, keys), 1)[0]
    return [
      {
        code: 'E_SPEC_OVERRIDE',
        at: {
          kind: 'Blueprint',
          name: blueprint.name,
          path: ['overrides', override.match, 'match'],
        },
        detail: `it matches none of ${keys.length.toLocaleString('en-GB')} members`,
        hint: near ? `nearest: ${near}` : 'match members of the blueprint, or leave it out',
      },
    ]
  })
}

/**
 * What the pattern would be, were each member meant: its key values where the pattern has values.
 */
function patternsLike(match: string, keys: readonly (readonly string[])[]): ReadonlySet<string> {
  const stars = match.split('.').map(part => part === '*')
  return new Set(
    keys.slice(0, comparedMax).map(key => {
      const parts = modelName('x', key).split('.').slice(1)
      return parts.map((part, i) => (stars[i] ? '*' : part)).join('.')
    }),
  )
}
