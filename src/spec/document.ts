import { isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap } from 'yaml'
import type { Place } from './fleet-spec.ts'
import type { Complaint, Position, SpecProblem } from './problem.ts'
import type { TextPositions } from './text.ts'

export type Path = readonly PropertyKey[]

/** The text of a key: `1`, `true` and `null` are words like others there. */
export function keyText(pair: Pair): string | undefined {
  if (!isScalar(pair.key)) return pair.key === null ? '' : undefined
  return typeof pair.key.value === 'string' ? pair.key.value : (pair.key.source ?? '')
}

/**
 * One YAML document: its plain value, and the way back from a path in it to the place in the file.
 */
export class SpecDocument {
  readonly file: string
  readonly value: Readonly<Record<string, unknown>>
  readonly #root: YAMLMap
  readonly #positions: TextPositions

  constructor(
    file: string,
    value: Readonly<Record<string, unknown>>,
    root: YAMLMap,
    positions: TextPositions,
  ) {
    this.file = file
    this.value = value
    this.#root = root
    this.#positions = positions
  }

  get kind(): string | undefined {
    return typeof this.value.kind === 'string' ? this.value.kind : undefined
  }

  get name(): string | undefined {
    const name = this.kind === undefined ? this.value.fleet : this.value.name
    return typeof name === 'string' ? name : undefined
  }

  get place(): Place {
    return this.placeOf([])
  }

  placeOf(path: Path): Place {
    return { file: this.file, line: this.at(path, 'key').line }
  }

  /**
   * Where the key or value at `path` stands; if there is none, the nearest thing above it that
   * there is.
   */
  at(path: Path, which: 'key' | 'value' = 'value'): Position {
    let value: Node | null = this.#root
    let key: Node | null = null
    for (const step of path) {
      const next = stepInto(value, step)
      if (!next) return this.#of(startOf(value))
      key = next.key
      value = next.value
    }
    return this.#of(which === 'key' && key ? key : startOf(value ?? key))
  }

  /** The value at `path`. */
  get(path: Path): unknown {
    let at: unknown = this.value
    for (const step of path) {
      if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined
      at = (at as Record<PropertyKey, unknown>)[step]
    }
    return at
  }

  /** The value at `path` as it was written: `1.10`, where `get` gives 1.1. */
  written(path: Path): string | undefined {
    let value: Node | null = this.#root
    for (const step of path) value = stepInto(value, step)?.value ?? null
    return isScalar(value) ? value.source : undefined
  }

  problem(path: Path, which: 'key' | 'value', complaint: Complaint): SpecProblem {
    return { file: this.file, ...this.at(path, which), ...complaint }
  }

  #of(node: Node | null): Position {
    const [from, to] = node?.range ?? [0, 1]
    return this.#positions.at(from, to)
  }
}

function stepInto(
  node: Node | null,
  step: PropertyKey,
): { key: Node | null; value: Node | null } | undefined {
  if (isSeq(node)) {
    const item = typeof step === 'number' ? node.items[step] : undefined
    return item === undefined ? undefined : { key: null, value: item as Node }
  }
  if (!isMap(node)) return undefined
  const pair = node.items.find(item => keyText(item) === step)
  return pair && { key: pair.key as Node | null, value: (pair.value ?? pair.key) as Node | null }
}

/** A map in block style begins, for the eye, with its first key. */
function startOf(node: Node | null): Node | null {
  if (!isMap(node) || node.flow) return node
  return (node.items[0]?.key as Node | undefined) ?? node
}
