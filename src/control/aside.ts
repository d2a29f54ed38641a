import type { ModelRow } from '../contract/index.ts'

/** A version that the data plane does not ask, though it serves. */
export interface AsideVersion {
  readonly model: string
  readonly version: number
  /** `open`: for a moment, then it is tried again; `quarantined`: until somebody lifts it. */
  readonly state: 'open' | 'quarantined'
  /** The failure that did it. */
  readonly because: string
  readonly since: Date
}

/** What the data plane of this server does not ask at the moment; absent where there is none. */
export interface AsideParts {
  readonly aside?: () => readonly AsideVersion[]
}

/** By model and version, made once for a page of them. */
export function asideOf(parts: AsideParts): (model: string, version: number) => ModelRow['aside'] {
  const known = new Map(parts.aside?.().map(each => [`${each.model}@${each.version}`, each]))
  return (model, version) => {
    const found = known.get(`${model}@${version}`)
    if (found === undefined) return null
    const { state, because, since } = found
    return { state, because, since: since.toISOString() }
  }
}

/** Of the whole fleet, the versions before those that serve too. */
export function asideCounts(parts: AsideParts): { open: number; quarantined: number } {
  const all = parts.aside?.() ?? []
  const quarantined = all.filter(({ state }) => state === 'quarantined').length
  return { open: all.length - quarantined, quarantined }
}
