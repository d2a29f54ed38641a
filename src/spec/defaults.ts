import type { DeclaredKind, DeclaredRoot, FleetReading } from './declared.ts'
import { titleOf } from './subject.ts'
import type { RiskClass } from './words.ts'

/** What the root says for documents that do not say it themselves. */
export class Defaults {
  readonly #root: DeclaredRoot | undefined
  readonly #reading: FleetReading

  constructor(root: DeclaredRoot | undefined, reading: FleetReading) {
    this.#root = root
    this.#reading = reading
  }

  owner(
    of: DeclaredKind<'Source' | 'FeatureGroup' | 'FeatureView' | 'Blueprint' | 'Graph'>,
  ): string {
    const owner = of.value.owner ?? this.#root?.value.defaults.owner
    if (owner === undefined) {
      this.#reading.complain(of, ['owner'], 'key', {
        code: 'E_SPEC_OWNER_REQUIRED',
        message: `${titleOf(of.document)} has no owner`,
        cure: 'add `owner:` here, or under `defaults` in the root of the fleet',
        ...this.#follows(),
      })
    }
    return owner ?? ''
  }

  riskClass(of: DeclaredKind<'Blueprint'>): RiskClass {
    const riskClass = of.value.riskClass ?? this.#root?.value.defaults.riskClass
    if (riskClass === undefined) {
      this.#reading.complain(of, ['riskClass'], 'key', {
        code: 'E_SPEC_RISK_REQUIRED',
        message: `${titleOf(of.document)} has no risk class`,
        cure: 'add `riskClass:` low, medium or high here, or under `defaults` in the root',
        ...this.#follows(),
      })
    }
    return riskClass ?? 'high'
  }

  /** Where the root is missing or damaged, what it would have said is not known. */
  #follows(): { follows?: true } {
    return !this.#root || this.#root.damaged.has('defaults') ? { follows: true } : {}
  }
}
