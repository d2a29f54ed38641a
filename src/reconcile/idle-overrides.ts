import { modelName } from '../base/model-name.ts'
import { nearest } from '../base/nearest.ts'
import type { MemberList } from '../fleet/index.ts'
import { type BlueprintSpec, matchesPattern } from '../spec/index.ts'
import type { DeclarationProblem } from './declared.ts'

/** Names that are compared with a pattern, for the hint. */
const comparedMax = 20_000

/** Overrides that match no member: a slip of the pen that would otherwise change nothing, silently. */
export function idleOverrides(
  blueprint: BlueprintSpec,
  members: MemberList,
): readonly DeclarationProblem[] {
  return blueprint.overrides.flatMap((override): DeclarationProblem[] => {
    const depth = override.match.split('.').length
    const keys = members.levels[depth]?.keys ?? []
    if (keys.some(key => matchesPattern(override.match, key))) return []
    const near = nearest(override.match, patternsLike(override.match, keys), 1)[0]
    return [
      {
        code: 'E_SPEC_OVERRIDE',
        ...override.place,
        column: 1,
        length: 1,
        message: `override \`${override.match}\` matches none of ${keys.length} members`,
        cure: near ? `nearest: ${near}` : 'match members of the blueprint, or leave it out',
      },
    ]
  })
}

/** What the pattern would be, were each member meant: its key values where the pattern has values. */
function patternsLike(match: string, keys: readonly (readonly string[])[]): ReadonlySet<string> {
  const stars = match.split('.').map(part => part === '*')
  return new Set(
    keys.slice(0, comparedMax).map(key => {
      const parts = modelName('x', key).split('.').slice(1)
      return parts.map((part, i) => (stars[i] ? '*' : part)).join('.')
    }),
  )
}
