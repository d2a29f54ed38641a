import type { Digest } from '../base/digest.ts'
import type { ImportedState, ImportedVersion, Tensor, TensorSignature } from '../fleet/index.ts'
import type { RunnerModel, RunnerPool } from '../runners/index.ts'
import type { ImportedModel, ImportedModels, InferAsk } from './imported.ts'

/**
 * The imported models of this server, over its runners. `main/` hands it what is recorded, again
 * and again; it goes on with what it has.
 */
export class ImportedFleet implements ImportedModels {
  readonly #pool: RunnerPool
  readonly #called: (model: ImportedModel) => void
  /** Versions of each name, newest first. */
  readonly #models = new Map<string, readonly RunnerVersion[]>()

  /** `called` is told of every call. */
  constructor(pool: RunnerPool, called: (model: ImportedModel) => void = () => {}) {
    this.#pool = pool
    this.#called = called
  }

  /** Takes versions that are new or have changed. */
  take(changed: readonly ImportedVersion[]): void {
    for (const version of changed) {
      const others = this.versionsOf(version.name).filter(each => each.version !== version.version)
      const before = this.find(version.name, String(version.version))
      const model = new RunnerVersion(version, this.#pool, this.#called)
      const there = version.state === 'removed' ? others : [...others, model]
      const versions = there.sort((a, b) => b.version - a.version)
      if (versions.length > 0) this.#models.set(version.name, versions)
      else this.#models.delete(version.name)
      this.#settle(model, before?.recorded)
    }
  }

  has(name: string): boolean {
    return this.#models.has(name)
  }

  find(name: string, version?: string): RunnerVersion | undefined {
    const versions = this.#models.get(name)
    if (version !== undefined) return versions?.find(each => String(each.version) === version)
    return versions?.find(each => each.state === 'serving') ?? versions?.[0]
  }

  versionsOf(name: string): readonly RunnerVersion[] {
    return this.#models.get(name) ?? []
  }

  list(): readonly RunnerVersion[] {
    const names = [...this.#models.keys()].sort()
    return names.flatMap(name => this.versionsOf(name).toReversed())
  }

  /** Loads those that were called most before, as far as there is room. */
  prewarm(digests: readonly Digest[]): void {
    const byDigest = new Map(this.list().map(model => [model.digest, model]))
    for (const digest of digests) {
      const model = byDigest.get(digest)
      if (model?.state === 'serving') this.#pool.preload(model.runnerModel)
    }
  }

  #settle(model: RunnerVersion, before: ImportedVersion | undefined): void {
    const { recorded, runnerModel } = model
    if (recorded.state === 'quarantined') {
      this.#pool.quarantine(recorded.digest, recorded.because ?? 'it ended its runner too often')
    } else if (before !== undefined && isOther(before, recorded)) this.#pool.unload(runnerModel)
    if (recorded.state === 'serving' && recorded.tier !== 'on-demand') {
      this.#pool.preload(runnerModel)
    }
  }
}

/** What was unloaded is loaded anew, and kept as its tier says now. */
function isOther(before: ImportedVersion, now: ImportedVersion): boolean {
  return before.state !== now.state || before.tier !== now.tier
}

class RunnerVersion implements ImportedModel {
  readonly recorded: ImportedVersion
  readonly runnerModel: RunnerModel
  readonly #pool: RunnerPool
  readonly #called: (model: ImportedModel) => void

  constructor(recorded: ImportedVersion, pool: RunnerPool, called: (model: ImportedModel) => void) {
    this.recorded = recorded
    this.#pool = pool
    this.#called = called
    const { digest, sizeBytes, tier, name, version, signature } = recorded
    this.runnerModel = {
      digest,
      sizeBytes,
      tier,
      label: `${name} version ${version}`,
      outputs: signature.outputs.map(output => output.name),
    }
  }

  get name(): string {
    return this.recorded.name
  }
  get version(): number {
    return this.recorded.version
  }
  get digest(): Digest {
    return this.recorded.digest
  }
  get sizeBytes(): number {
    return this.recorded.sizeBytes
  }
  get signature(): TensorSignature {
    return this.recorded.signature
  }
  get purpose(): string {
    return this.recorded.purpose
  }

  /** As recorded, and as of now: a quarantine counts before it is written down. */
  get state(): ImportedState {
    const { state } = this.recorded
    return state === 'serving' && this.#quarantine !== undefined ? 'quarantined' : state
  }
  get because(): string | null {
    return this.#quarantine ?? this.recorded.because
  }
  get #quarantine(): string | undefined {
    return this.#pool.quarantinedBecause(this.digest)
  }

  infer(inputs: readonly Tensor[], ask: InferAsk): Promise<readonly Tensor[]> {
    this.#called(this)
    return this.#pool.run(this.runnerModel, inputs, ask.deadlineMs, ask)
  }
}
