import { must } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import { type BlueprintSpec, type FleetSpec, readFleet } from '../spec/index.ts'
import { currentSpec, currentSpecDigest, type Sql } from '../store/index.ts'

/**
 * The declaration that the fleet follows, parsed once for each revision. Whoever asks is told what
 * held at some moment after the question: which one it is, is looked up then, once for all who have
 * asked while the look before was under way.
 */
export class CurrentFleet {
  readonly #sql: Sql
  #look: Promise<unknown> = Promise.resolve()
  #nextLook: Promise<FleetSpec | undefined> | undefined
  #parsed: { readonly digest: Digest; readonly spec: FleetSpec } | undefined

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** Undefined before the first plan was applied. */
  spec(): Promise<FleetSpec | undefined> {
    this.#nextLook ??= this.#look.then(() => {
      const look = this.#read()
      this.#look = look.catch(() => undefined)
      this.#nextLook = undefined
      return look
    })
    return this.#nextLook
  }

  async #read(): Promise<FleetSpec | undefined> {
    if (this.#parsed && this.#parsed.digest === (await currentSpecDigest(this.#sql))) {
      return this.#parsed.spec
    }
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
