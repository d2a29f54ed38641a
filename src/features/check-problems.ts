import { type ErrorCode, MusterError } from '../base/errors.ts'
import {
  cureOf,
  type Engine,
  type Expression,
  isBoolean,
  isNumber,
  isTime,
  type Relation,
  readExpression,
} from '../engine/index.ts'
import type { DeclaredAt } from '../spec/index.ts'

/** Something in the declaration that the data does not bear out. */
export interface FeatureProblem {
  readonly at: DeclaredAt
  readonly code: ErrorCode
  readonly detail: string
  readonly hint: string
}

export type Fits = (type: string) => boolean
export const isValue: Fits = type => isNumber(type) || isBoolean(type)
export const isText: Fits = type => /^(?:VARCHAR|ENUM.*|UUID)$/.test(type)

export interface Expected {
  readonly at: DeclaredAt
  readonly fits: Fits
  readonly words: string
  readonly cure?: string | ((type: string) => string | undefined)
}

export const time = {
  fits: isTime,
  words: 'a time',
  cure: 'make it a time: cast(... as timestamp)',
} as const
export const number = { fits: isValue, words: 'a number or true/false' } as const
export const truth = { fits: isBoolean, words: 'true/false' } as const

export type PathOf = (...path: readonly (string | number)[]) => DeclaredAt

export function within(kind: DeclaredAt['kind'], name: string): PathOf {
  return (...path) => ({ kind, name, path })
}

/** Collects problems, so that one does not hide the next. */
export class Check {
  readonly problems: FeatureProblem[] = []

  say(at: DeclaredAt, code: ErrorCode, detail: string, hint: string): void {
    this.problems.push({ at, code, detail, hint })
  }

  /** What `work` gives, or undefined after having noted why it does not. */
  async try<T>(at: DeclaredAt, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      const ours = error instanceof MusterError && /^E_(?:SQL|DATA_SCHEMA)/.test(error.code)
      if (!ours) throw error
      this.say(at, error.code, error.message, error.hint ?? cureOf(error.code))
      return undefined
    }
  }

  async bind(
    engine: Engine,
    relation: Relation,
    sql: string,
    expected: Expected,
  ): Promise<Expression | undefined> {
    const found = await this.try(expected.at, () => readExpression(engine, relation, sql))
    if (found === undefined || expected.fits(found.type)) return found
    this.refuseType(expected, sql, found.type)
    return undefined
  }

  refuseType({ at, words, cure }: Expected, sql: string, type: string): void {
    const nearer = typeof cure === 'function' ? cure(type) : cure
    const hint = nearer ?? `make it ${words}: compare or cast it`
    this.say(at, 'E_DATA_SCHEMA', `\`${sql}\` is ${type}, not ${words}`, hint)
  }
}
