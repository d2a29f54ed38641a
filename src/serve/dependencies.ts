/** Something that this server can do without for a while, and does without now. */
export interface Away {
  /** `database`, for people and for alerts. */
  readonly name: string
  /** What goes on without it, and what does not. */
  readonly means: string
  readonly since: Date
}

/**
 * What the data plane goes on without. It stays ready: to send its callers elsewhere would only
 * take down what still works.
 */
export class Dependencies {
  readonly #away = new Map<string, Away>()

  /** Said again while it is away, the time stays that of the first. */
  away(name: string, means: string, since: Date): void {
    if (!this.#away.has(name)) this.#away.set(name, { name, means, since })
  }

  back(name: string): boolean {
    return this.#away.delete(name)
  }

  list(): readonly Away[] {
    return [...this.#away.values()]
  }
}
