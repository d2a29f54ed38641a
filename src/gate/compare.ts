import { must } from '../base/assert.ts'
import type { ModelName } from '../base/ids.ts'
import { ancestorsOf, parentOf } from '../base/model-name.ts'
import type { Evidence, FitRow, Rival } from '../fleet/index.ts'
import { countMeasured, type Measured, type Prior, priorOf, shrunk, siblingsMin } from './shrink.ts'
import type { Comparison, RivalName } from './variables.ts'

/*
 * Whom each member of one depth is compared with, and what gain to expect of it: before any rule is
 * read.
 */

export interface Judged {
  readonly name: ModelName
  readonly depth: number
  readonly fit: FitRow & { readonly state: 'fitted' }
  readonly evidence: Evidence
}

export interface Versus {
  readonly versus: Readonly<Partial<Record<RivalName, Comparison>>>
  /** The ancestor that would answer in the member's place. */
  readonly against: ModelName | undefined
  /** Said before what a rule saw of the parent, when the baseline stands in for it; else ''. */
  readonly note: string
}

export const baselineStandsIn = 'no ancestor was kept, so the baseline'

/** The nearest ancestor that will answer and that the evidence compares with. */
function nearestAnswering(member: Judged, answering: ReadonlySet<ModelName>): Rival | undefined {
  for (const name of ancestorsOf(member.name)) {
    if (!answering.has(name)) continue
    const rival = member.evidence.ancestors.find(a => a.name === name)
    if (rival !== undefined) return rival
  }
  return undefined
}

interface Entry {
  readonly member: Judged
  readonly rival: Rival
  readonly siblings: string
}

function measuredOf(rival: Rival): Measured {
  const { mean, standardError, rows, days } = rival.difference
  return { mean, standardError, rows, days }
}

/** Expected differences of one kind of rival over one depth, by member. */
function expectAll(entries: readonly Entry[]): ReadonlyMap<Judged, number> {
  const groups = new Map<string, Measured[]>()
  for (const { siblings, rival } of entries) {
    const group = groups.get(siblings)
    if (group === undefined) groups.set(siblings, [measuredOf(rival)])
    else group.push(measuredOf(rival))
  }
  const priors = new Map<string, Prior | undefined>()
  let wholeDepth: { readonly prior: Prior | undefined } | undefined
  for (const [siblings, group] of groups) {
    if (countMeasured(group) >= siblingsMin) priors.set(siblings, priorOf(group))
    else {
      wholeDepth ??= { prior: priorOf(entries.map(e => measuredOf(e.rival))) }
      priors.set(siblings, wholeDepth.prior)
    }
  }
  return new Map(entries.map(e => [e.member, shrunk(measuredOf(e.rival), priors.get(e.siblings))]))
}

/**
 * Below this share of the rival's loss an expected difference is none: a member that leans wholly
 * on its parent answers as the parent does but for the rounding of 32 bits, and is no gain.
 */
const tieShare = 1e-6

function comparisonOf(rival: Rival, expected: number | undefined): Comparison {
  const { name, metrics, difference } = rival
  const gain = must(expected, 'every rival has an expectation')
  const isTie = Math.abs(gain) <= tieShare * (metrics.loss ?? 0)
  return { name, metrics, difference, expected: isTie ? 0 : gain }
}

/**
 * Compares the members of one depth. Siblings, for shrinking, are the members of this depth with
 * the same rival (against the baseline and the champion: with the same parent); with fewer than ten
 * that have a standard error, all members of the depth that have such a rival. Below the root,
 * where no ancestor was kept, nothing else could answer but the naive baseline: so that stands in
 * for the parent.
 */
export function compareDepth(
  members: readonly Judged[],
  answering: ReadonlySet<ModelName>,
): ReadonlyMap<Judged, Versus> {
  const ancestors: Entry[] = []
  const baselines: Entry[] = []
  const champions: Entry[] = []
  const against = new Map<Judged, ModelName>()
  for (const member of members) {
    const siblings = parentOf(member.name) ?? ''
    const { baseline, champion } = member.evidence
    baselines.push({ member, rival: baseline, siblings })
    if (champion !== undefined) champions.push({ member, rival: champion, siblings })
    const ancestor = nearestAnswering(member, answering)
    if (ancestor === undefined) continue
    ancestors.push({ member, rival: ancestor, siblings: ancestor.name })
    against.set(member, ancestor.name as ModelName)
  }
  const expected = {
    parent: expectAll(ancestors),
    baseline: expectAll(baselines),
    champion: expectAll(champions),
  }
  const parents = new Map(ancestors.map(e => [e.member, e.rival]))
  return new Map(
    members.map((member): [Judged, Versus] => {
      const baseline = comparisonOf(member.evidence.baseline, expected.baseline.get(member))
      const own = parents.get(member)
      const standIn = own === undefined && member.depth > 0 ? baseline : undefined
      const parent = own ? comparisonOf(own, expected.parent.get(member)) : standIn
      const rival = member.evidence.champion
      const champion = rival && comparisonOf(rival, expected.champion.get(member))
      return [
        member,
        {
          versus: { baseline, ...(parent && { parent }), ...(champion && { champion }) },
          against: against.get(member),
          note: standIn ? baselineStandsIn : '',
        },
      ]
    }),
  )
}
