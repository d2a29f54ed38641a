import { must } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import { type BlueprintSpec, type FleetSpec, readFleet } from '../spec/index.ts'
import { currentSpec, type Sql } from '../store/index.ts'

/** The declaration that the fleet follows, parsed once for each revision. */
export class CurrentFleet {
  readonly #sql: Sql
  #parsed: { readonly digest: Digest; readonly spec: FleetSpec } | undefined

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** Undefined before the first plan was applied. */
  async spec(): Promise<FleetSpec | undefined> {
    const revision = await currentSpec(this.#sql)
    if (!revision) return undefined
    if (this.#parsed?.digest !== revision.digest) {
      const { spec } = readFleet(revision.files, { dataRoots: 'accepted' })
      this.#parsed = {
        digest: revision.digest,
        spec: must(spec, 'a declaration that was adopted is still valid'),
      }
    }
    return this.#parsed.spec
  }

  /** Throws E_NOT_FOUND before the first plan was applied. */
  async applied(): Promise<FleetSpec> {
    const spec = await this.spec()
    if (spec) return spec
    throw new MusterError('E_NOT_FOUND', 'no fleet was applied yet', {
      hint: 'apply one: muster apply',
    })
  }

  async blueprint(name: string): Promise<BlueprintSpec | undefined> {
    return (await this.spec())?.blueprints.get(name)
  }
}
