import type { z } from 'zod'
import type { Path, SpecDocument } from './document.ts'
import { type Kind, kindNouns, type kindSchemas, type rootSchema } from './kinds/all.ts'
import type { Complaint, SpecProblem } from './problem.ts'
import { checkSchema } from './schema-problems.ts'

/*
 * A document that its schema has read. One with errors is read as far as it goes: unknown fields
 * are left out, and fields with errors give way to a stand-in, so that the rest is checked in the
 * same run. Nothing is complained of that hangs on a stand-in, and nothing is built from such a
 * document.
 */
export interface Declared<T> {
  readonly document: SpecDocument
  readonly value: T
  /** Top-level fields that hold a stand-in. */
  readonly damaged: ReadonlySet<PropertyKey>
  /** Whether the document had no errors of its own. */
  readonly intact: boolean
}

export type DeclaredKind<K extends Kind> = Declared<z.output<(typeof kindSchemas)[K]>>
export type DeclaredRoot = Declared<z.output<typeof rootSchema>>

type Fields = Readonly<Record<string, unknown>>

/** What stands in for a required field that could not be read. */
const standIns: Readonly<Record<Kind | 'root', Fields>> = {
  Source: {
    name: 'unreadable',
    npm: 'unreadable/unreadable',
    files: 'unreadable',
    postgres: { connection: 'unreadable', table: 'unreadable' },
    s3: { connection: 'unreadable', files: 'unreadable' },
    push: {},
  },
  FeatureGroup: {
    name: 'unreadable',
    source: 'unreadable',
    windows: [{ by: ['unreadable'], stats: ['count'], over: ['1h'] }],
  },
  FeatureView: { name: 'unreadable', version: 1, rows: 'unreadable', features: { unreadable: {} } },
  Blueprint: {
    name: 'unreadable',
    purpose: 'unreadable',
    key: ['unreadable'],
    view: 'unreadable@1',
    label: 'unreadable',
    pipeline: 'ridge@1',
    spans: { train: '2001-01', judge: '2001-02' },
  },
  Graph: {
    name: 'unreadable',
    nodes: { root: { routerType: 'Sequence', steps: [{ model: 'unreadable' }] } },
  },
  Policy: {
    name: 'unreadable',
    version: 1,
    appliesTo: { riskClass: 'low' },
    gates: { unreadable: 'true' },
  },
  Environment: { name: 'unreadable' },
  root: { apiVersion: 'muster/v1', fleet: 'unreadable' },
}

/** Fields that are read in the light of another, and so fall silent with it. */
const dependants: Readonly<Record<string, readonly string[]>> = {
  pipeline: ['objectives', 'overrides'],
  key: ['overrides'],
  view: ['pipeline'],
  npm: ['files'],
  files: ['npm'],
}

/** Reads a document by its schema. `value` is undefined when nothing in it can be used. */
export function readDeclared<S extends z.ZodType>(
  document: SpecDocument,
  schema: S,
  kind: Kind | 'root',
): { declared: Declared<z.output<S>> | undefined; problems: readonly SpecProblem[] } {
  const read = checkSchema(document, schema)
  if (read.value !== undefined) {
    const declared = { document, value: read.value, damaged: new Set<string>(), intact: true }
    return { declared, problems: [] }
  }
  return { declared: salvage(document, schema, standIns[kind]), problems: read.problems }
}

function salvage<S extends z.ZodType>(
  document: SpecDocument,
  schema: S,
  standIn: Fields,
): Declared<z.output<S>> | undefined {
  const rest = structuredClone(document.value) as Record<string, unknown>
  for (const issue of schema.safeParse(rest).error?.issues ?? []) {
    if (issue.code !== 'unrecognized_keys') continue
    const above = issue.path.reduce<unknown>((at, step) => memberOf(at, step), rest)
    for (const key of issue.keys) delete (above as Record<string, unknown>)[key]
  }
  const damaged = new Set<PropertyKey>()
  for (const issue of schema.safeParse(rest).error?.issues ?? []) {
    const field = issue.path[0]
    if (field === undefined) continue
    for (const name of [field, ...(dependants[String(field)] ?? [])]) damaged.add(name)
    delete rest[String(field)]
    if (Object.hasOwn(standIn, field)) rest[String(field)] = standIn[String(field)]
  }
  const again = schema.safeParse(rest)
  return again.success ? { document, value: again.data, damaged, intact: false } : undefined
}

function memberOf(value: unknown, step: PropertyKey): unknown {
  return (value as Record<PropertyKey, unknown> | undefined)?.[step]
}

/** What is known while the documents of a fleet are read against each other. */
export class FleetReading {
  readonly problems: SpecProblem[] = []
  /** Something could not be read at all: what is missing may be in there. */
  readonly broken: boolean
  /** Names (views and policies: `name@version`) that are declared, with or without errors. */
  readonly declared: Readonly<Record<Kind, Set<string>>> = {
    Source: new Set(),
    FeatureGroup: new Set(),
    FeatureView: new Set(),
    Blueprint: new Set(),
    Graph: new Set(),
    Policy: new Set(),
    Environment: new Set(),
  }

  /** Kinds of which a name or version could not be read: what is missing may be that one. */
  readonly uncertain = new Set<Kind>()

  constructor(broken: boolean) {
    this.broken = broken
  }

  complain(
    of: Pick<Declared<unknown>, 'document' | 'damaged'>,
    path: Path,
    which: 'key' | 'value',
    complaint: Complaint,
  ): void {
    if (path[0] !== undefined && of.damaged.has(path[0])) return
    this.problems.push(of.document.problem(path, which, complaint))
  }

  /** `message` says who refers to what; `cure` what there is instead. */
  complainOfReference(
    of: Declared<unknown>,
    path: Path,
    to: { readonly kind: Kind; readonly name: string },
    saying: { readonly message: string; readonly cure: string },
  ): void {
    const code = 'E_SPEC_REFERENCE'
    if (!this.declared[to.kind].has(to.name)) {
      this.complain(of, path, 'value', {
        code,
        message: `${saying.message}, which does not exist`,
        cure: saying.cure,
        ...(this.broken || this.uncertain.has(to.kind) ? { follows: true } : {}),
      })
      return
    }
    this.complain(of, path, 'value', {
      code,
      message: `${saying.message}, which has errors`,
      cure: `put ${kindNouns[to.kind]} \`${to.name}\` right`,
      follows: true,
    })
  }
}
