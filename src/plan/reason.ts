import { shortDigest } from '../base/digest.ts'
import { type PlanReason, planReasons, type Recipe } from '../fleet/index.ts'

/** Why a member is in a group, with the particulars. */
export interface Why {
  readonly reason: PlanReason
  readonly because: string
}

export function plainly(reason: PlanReason): Why {
  return { reason, because: planReasons[reason] }
}

/** `two-hours-before@2 replaces @1`; of another view, both names whole. */
function replaces(now: string, then: string): string {
  const [name] = now.split('@')
  const [other, version] = then.split('@')
  return `${now} replaces ${name === other && version ? `@${version}` : then}`
}

function viewWords(now: Recipe, then: Recipe): string {
  if (now.viewId !== then.viewId) return replaces(now.viewId, then.viewId)
  return `${now.viewId} or a group it reads has changed`
}

function dataWords(now: Recipe, then: Recipe): string {
  const changed = Object.keys(now.snapshots).filter(s => now.snapshots[s] !== then.snapshots[s])
  const words = changed.map(source => {
    const [old, young] = [then.snapshots[source], now.snapshots[source]]
    const next = young === undefined ? '' : shortDigest(young)
    return old === undefined
      ? `${source}: snapshot ${next}`
      : `${source}: snapshot ${next} replaces ${shortDigest(old)}`
  })
  return words.length > 0 ? words.join('; ') : 'a source is no longer read'
}

function sameSnapshots(now: Recipe, then: Recipe): boolean {
  const sources = Object.keys(now.snapshots)
  return (
    sources.length === Object.keys(then.snapshots).length &&
    sources.every(source => now.snapshots[source] === then.snapshots[source])
  )
}

/**
 * The first of the differences of two recipes, in the order in which one brings the next about: a
 * new view usually reads new data, and so on. Undefined when they are the same.
 */
export function whyRetrain(now: Recipe, then: Recipe): Why | undefined {
  if (now.view !== then.view) return { reason: 'view-changed', because: viewWords(now, then) }
  if (now.label !== then.label) {
    return { reason: 'label-changed', because: `label \`${now.label}\` replaces \`${then.label}\`` }
  }
  if (now.spans !== then.spans) {
    return { reason: 'label-changed', because: `${now.spans}; it was ${then.spans}` }
  }
  if (now.pipeline !== then.pipeline) {
    return { reason: 'pipeline-changed', because: replaces(now.pipeline, then.pipeline) }
  }
  if (now.parameters !== then.parameters) {
    return { reason: 'pipeline-changed', because: `parameters of ${now.pipeline} changed` }
  }
  if (!sameSnapshots(now, then)) return { reason: 'new-data', because: dataWords(now, then) }
  if (now.gates !== then.gates) return plainly('gates-changed')
  return undefined
}
