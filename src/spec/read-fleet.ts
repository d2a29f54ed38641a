import { readBlueprint } from './blueprints.ts'
import { type DeclaredKind, type DeclaredRoot, FleetReading, readDeclared } from './declared.ts'
import { Defaults } from './defaults.ts'
import type { SpecDocument } from './document.ts'
import { isRoot, kindComplaint } from './document-kind.ts'
import { fleetDigest } from './fleet-digest.ts'
import type {
  BlueprintSpec,
  FeatureGroupSpec,
  FeatureViewSpec,
  FleetSpec,
  SourceSpec,
  SpecFile,
} from './fleet-spec.ts'
import type { GraphSpec } from './graph-spec.ts'
import { complainOfPaths } from './graph-triggers.ts'
import { readGraph } from './graphs.ts'
import { readGroup } from './groups.ts'
import { isKind, type Kind, kindNouns, kindSchemas, rootSchema } from './kinds/all.ts'
import { type Locate, locatorOf } from './locate.ts'
import { readPolicy, withBuiltIns } from './policies.ts'
import { inOrder, type SpecProblem } from './problem.ts'
import { readSource } from './sources.ts'
import { titleOf } from './subject.ts'
import { readView } from './views.ts'
import { parseSpecFile } from './yaml.ts'

export type FleetRead =
  | { readonly spec: FleetSpec; readonly problems: readonly []; readonly locate: Locate }
  | {
      readonly spec: undefined
      readonly problems: readonly SpecProblem[]
      readonly locate: undefined
    }

export interface ReadFleetOptions {
  /**
   * Folders outside the fleet that the operator lets sources name by absolute path. `accepted`:
   * what was read before, under the roots of that time; nothing is read from disk by it.
   */
  readonly dataRoots?: readonly string[] | 'accepted'
}

/**
 * Reads a whole fleet: what it means, or everything that is wrong with it, all documents at once,
 * causes before what follows from them. Pure; never throws for anything that a file may hold.
 */
export function readFleet(files: readonly SpecFile[], options: ReadFleetOptions = {}): FleetRead {
  const parsed = files.map(file => parseSpecFile(file))
  const documents = parsed.flatMap(file => file.documents)
  const sorted = sortDocuments(documents)
  const reading = new FleetReading(parsed.some(file => file.broken) || sorted.unknown)
  reading.problems.push(...parsed.flatMap(file => file.problems), ...sorted.problems)
  const root = readRoot(sorted.roots, files, reading)
  const declared = readKinds(sorted.byKind, reading)
  complainOfTakenNames(documents, reading)
  const spec = readMeaning(root, declared, options, reading)
  return spec && reading.problems.length === 0
    ? { spec, problems: [], locate: locatorOf(declared) }
    : { spec: undefined, problems: inOrder(reading.problems), locate: undefined }
}

interface Sorted {
  readonly roots: readonly SpecDocument[]
  readonly byKind: ReadonlyMap<Kind, readonly SpecDocument[]>
  readonly problems: readonly SpecProblem[]
  readonly unknown: boolean
}

function sortDocuments(documents: readonly SpecDocument[]): Sorted {
  const roots: SpecDocument[] = []
  const byKind = new Map<Kind, SpecDocument[]>()
  const problems: SpecProblem[] = []
  for (const document of documents) {
    if (isRoot(document)) {
      roots.push(document)
      continue
    }
    const complaint = kindComplaint(document)
    if (complaint) problems.push(complaint)
    const kind = document.kind
    if (kind === undefined || !isKind(kind)) continue
    const known = byKind.get(kind)
    if (known) known.push(document)
    else byKind.set(kind, [document])
  }
  return { roots, byKind, problems, unknown: problems.length > 0 }
}

function readRoot(
  roots: readonly SpecDocument[],
  files: readonly SpecFile[],
  reading: FleetReading,
): DeclaredRoot | undefined {
  const [first, ...others] = roots
  if (!first) {
    reading.problems.push({
      code: 'E_SPEC_ROOT',
      file: files[0]?.path ?? 'muster.yaml',
      line: 1,
      column: 1,
      length: 1,
      message: 'the fleet has no root document',
      cure: 'add a document with `apiVersion: muster/v1` and `fleet: <name>`',
      ...(reading.broken ? { follows: true } : {}),
    })
    return undefined
  }
  for (const other of others) {
    reading.problems.push(
      other.problem(['fleet'], 'key', {
        code: 'E_SPEC_ROOT',
        message: `the fleet has another root document, at ${first.file}:${first.place.line}`,
        cure: 'keep one of them',
      }),
    )
  }
  const read = readDeclared(first, rootSchema, 'root')
  reading.problems.push(...read.problems)
  return read.declared
}

type DeclaredKinds = { readonly [K in Kind]: readonly DeclaredKind<K>[] }

function readKinds(
  byKind: ReadonlyMap<Kind, readonly SpecDocument[]>,
  reading: FleetReading,
): DeclaredKinds {
  const read = <K extends Kind>(kind: K): DeclaredKind<K>[] => {
    const schema = kindSchemas[kind]
    return (byKind.get(kind) ?? []).flatMap(document => {
      const { name, version } = document.value
      const versioned = kind === 'FeatureView' || kind === 'Policy'
      const { declared, problems } = readDeclared(document, schema, kind)
      reading.problems.push(...problems)
      if (!declared || declared.damaged.has('name') || declared.damaged.has('version')) {
        reading.uncertain.add(kind)
      } else reading.declared[kind].add(versioned ? `${name}@${version}` : `${name}`)
      // The compiler does not see that the schema of `kind` gives the type of `kind`.
      return declared ? [declared as unknown as DeclaredKind<K>] : []
    })
  }
  return {
    Source: read('Source'),
    FeatureGroup: read('FeatureGroup'),
    FeatureView: read('FeatureView'),
    Blueprint: read('Blueprint'),
    Graph: read('Graph'),
    Policy: read('Policy'),
    Environment: read('Environment'),
  }
}

/**
 * Names are taken in either case, so that no two can be confused on a disk or in an eye that
 * ignores it.
 */
function complainOfTakenNames(documents: readonly SpecDocument[], reading: FleetReading): void {
  const taken = new Map<string, SpecDocument>()
  for (const document of documents) {
    const { kind, name } = document
    if (kind === undefined || !isKind(kind) || name === undefined) continue
    const versioned = kind === 'FeatureView' || kind === 'Policy'
    const version = versioned ? `@${String(document.value.version)}` : ''
    const key = `${kind} ${name.toLowerCase()}${version}`
    const earlier = taken.get(key)
    if (!earlier) {
      taken.set(key, document)
      continue
    }
    const at = document.at(['name'])
    const place = `${earlier.file}:${earlier.at(['name']).line}`
    reading.problems.push({
      file: document.file,
      ...at,
      code: 'E_SPEC_NAME_TAKEN',
      message:
        `${titleOf(document)} is declared twice, ` + `at ${place} and ${document.file}:${at.line}`,
      cure: versioned
        ? `give it another version, or another name than at ${place}`
        : `give this ${kindNouns[kind]} another name, or remove one of the two`,
    })
  }
}

function readMeaning(
  root: DeclaredRoot | undefined,
  declared: DeclaredKinds,
  options: ReadFleetOptions,
  reading: FleetReading,
): FleetSpec | undefined {
  const who = new Defaults(root, reading)
  const sources = new Map<string, SourceSpec>()
  for (const source of declared.Source) {
    keep(sources, reading, source, () =>
      readSource(source, who.owner(source), options.dataRoots ?? [], reading),
    )
  }
  const groups = new Map<string, FeatureGroupSpec>()
  for (const group of declared.FeatureGroup) {
    keep(groups, reading, group, () => readGroup(group, who.owner(group), sources, reading))
  }
  const views = new Map<string, FeatureViewSpec>()
  for (const view of declared.FeatureView) {
    const around = { sources, groups, reading }
    keep(views, reading, view, () => readView(view, who.owner(view), around))
  }
  const named = declared.Environment.map(environment => environment.value.name)
  const environments = [...new Set([...(root?.value.environments ?? []), ...named])]
  const blueprints = new Map<string, BlueprintSpec>()
  for (const blueprint of declared.Blueprint) {
    const answerable = { owner: who.owner(blueprint), riskClass: who.riskClass(blueprint) }
    keep(blueprints, reading, blueprint, () =>
      readBlueprint(blueprint, answerable, { views, environments, reading }),
    )
  }
  const graphs = new Map<string, GraphSpec>()
  for (const graph of declared.Graph) {
    const around = { blueprints, sources, reading }
    keep(graphs, reading, graph, () => readGraph(graph, who.owner(graph), around))
  }
  complainOfPaths(declared.Graph, reading)
  const policies = withBuiltIns(
    declared.Policy.map(policy => readPolicy(policy, environments, reading)),
  )
  if (!root || reading.problems.length > 0) return undefined
  const spec = {
    name: root.value.fleet,
    environments: environments.map(name => ({ name })),
    sources,
    groups,
    views,
    blueprints,
    graphs,
    policies,
  }
  return { ...spec, digest: fleetDigest(spec) }
}

/** Keeps what was read when nothing was wrong with it; the first of two with the same name. */
function keep<T extends { name: string; id?: string }>(
  into: Map<string, T>,
  reading: FleetReading,
  declared: { readonly intact: boolean },
  read: () => T | undefined,
): void {
  const before = reading.problems.length
  const value = read()
  if (value === undefined || !declared.intact || reading.problems.length > before) return
  const key = value.id ?? value.name
  if (!into.has(key)) into.set(key, value)
}
