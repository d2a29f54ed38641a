import { digestOfValue } from '../base/digest.ts'
import { nearest } from '../base/nearest.ts'
import type { DeclaredKind, FleetReading } from './declared.ts'
import type { FeatureGroupSpec, FeatureViewSpec, SourceSpec, ViewFeature } from './fleet-spec.ts'
import { listed } from './problem.ts'
import { meaningOfView } from './view-meaning.ts'
import { checkOn, readMore } from './view-parts.ts'
import { checkSize, readTransforms } from './view-transforms.ts'

/**
 * Features of one view. A family's parameter row has a place for each, and a million rows of a
 * thousand numbers are 4 GB.
 */
const featuresMax = 1_000

export interface Surroundings {
  readonly sources: ReadonlyMap<string, SourceSpec>
  readonly groups: ReadonlyMap<string, FeatureGroupSpec>
  readonly reading: FleetReading
}

export function readView(
  declared: DeclaredKind<'FeatureView'>,
  owner: string,
  around: Surroundings,
): FeatureViewSpec {
  const { document, value } = declared
  const id = `${value.name}@${value.version}`
  const source = around.sources.get(value.rows)
  if (!source) {
    const [near] = nearest(value.rows, around.sources.keys(), 1)
    around.reading.complainOfReference(
      declared,
      ['rows'],
      { kind: 'Source', name: value.rows },
      {
        message: `view \`${id}\` has a row for each row of source \`${value.rows}\``,
        cure: near ? `use \`${near}\`` : 'declare it, or name one that is declared',
      },
    )
  }
  const features = readFeatures(declared, around)
  const eventTime =
    value.eventTime ??
    (value.grid ? '"at"' : source?.eventTime) ??
    eventTimeOfGroups(value.rows, features, around.groups)
  if (source && eventTime === undefined) {
    // A group that cannot be read might have said it.
    const groupsRead = Object.keys(value.features).every(
      name => !name.includes('.') || around.groups.has(name.slice(0, name.indexOf('.'))),
    )
    around.reading.complain(declared, [], 'value', {
      code: 'E_SPEC_MISSING_FIELD',
      message: `view \`${id}\` has no \`eventTime\`, and neither has its source`,
      cure: 'add `eventTime:`, the column or expression of when the event happens',
      ...(groupsRead && !declared.damaged.has('features') ? {} : { follows: true }),
    })
  }
  const view = {
    rows: value.rows,
    where: value.where,
    eventTime: eventTime ?? '',
    asOf: value.asOf ?? eventTime ?? '',
    features,
    ...readMore(declared, around, features),
  }
  checkSize(declared, view, around.reading)
  return {
    name: value.name,
    version: value.version,
    id,
    ...view,
    owner,
    ...(value.description !== undefined && { description: value.description }),
    digest: digestOfValue(meaningOfView(view, around)),
    place: document.place,
  }
}

/** What the groups over the same rows say of them, when they agree. */
function eventTimeOfGroups(
  rows: string,
  features: readonly ViewFeature[],
  groups: ReadonlyMap<string, FeatureGroupSpec>,
): string | undefined {
  const told = new Set<string>()
  for (const { from } of features) {
    const group = from.kind === 'group' ? groups.get(from.group) : undefined
    if (group?.source === rows && group.sql === undefined) told.add(group.eventTime)
  }
  return told.size === 1 ? [...told][0] : undefined
}

function readFeatures(
  declared: DeclaredKind<'FeatureView'>,
  around: Surroundings,
): readonly ViewFeature[] {
  const { value } = declared
  const found: ViewFeature[] = []
  for (const [name, given] of Object.entries(value.features)) {
    const transform = readTransforms(declared, name, around.reading)
    const dot = name.indexOf('.')
    const type = given.type === 'category' ? { type: given.type } : {}
    if (given.from !== undefined && (dot >= 0 || given.sql !== undefined)) {
      around.reading.complain(declared, ['features', name, 'from'], 'key', {
        code: 'E_SPEC_VALUE',
        message: `feature \`${name}\` says twice what it is`,
        cure: dot >= 0 ? 'give it a name of its own, or remove `from`' : 'remove `from` or `sql`',
      })
      continue
    }
    if (given.from !== undefined) {
      const [feature] = chosenFeatures(declared, given.from, around, ['features', name, 'from'])
      if (feature === undefined) continue
      const group = given.from.slice(0, given.from.indexOf('.'))
      const [from] = lookedUp(declared, name, group, [feature], around)
      if (from) found.push({ name, from, ...type, transform })
      continue
    }
    if (dot < 0) {
      if (given.on !== undefined) {
        around.reading.complain(declared, ['features', name, 'on'], 'key', {
          code: 'E_SPEC_VALUE',
          message: `feature \`${name}\` is of the row itself, and \`on\` looks up an entity`,
          cure: 'remove `on`, or say by `from` which feature of a group it is',
        })
      }
      const sql = given.sql ?? `"${name}"`
      found.push({ name, from: { kind: 'row', sql }, ...type, transform })
      continue
    }
    if (given.sql !== undefined) {
      around.reading.complain(declared, ['features', name, 'sql'], 'key', {
        code: 'E_SPEC_VALUE',
        message: `feature \`${name}\` is of a group, and has \`sql\` too`,
        cure: 'remove `sql`: the group says what it is',
      })
    }
    const group = name.slice(0, dot)
    const chosen = chosenFeatures(declared, name, around)
    for (const from of lookedUp(declared, name, group, chosen, around)) {
      found.push({ name: `${group}.${from.feature}`, from, ...type, transform })
    }
  }
  if (found.length > featuresMax) {
    around.reading.complain(declared, ['features'], 'key', {
      code: 'E_SPEC_SIZE',
      message: `view \`${value.name}@${value.version}\` has ${found.length} features`,
      cure: `choose at most ${featuresMax}: name features of a group one by one, instead of *`,
    })
  }
  return found
}

/** Features of a group, each with what its entity is looked up by: of `on` what it is `by`. */
function lookedUp(
  declared: DeclaredKind<'FeatureView'>,
  entry: string,
  group: string,
  features: readonly string[],
  { groups, reading }: Surroundings,
): readonly Extract<ViewFeature['from'], { kind: 'group' }>[] {
  const given = declared.value.features[entry]?.on
  const all = [...(groups.get(group)?.features ?? []), ...(groups.get(group)?.latest ?? [])]
  const byOf = new Map(all.map(({ name, by }) => [name, by]))
  const by = [...new Set(features.flatMap(feature => byOf.get(feature) ?? []))]
  if (given !== undefined && features.length > 0) {
    const of = `feature \`${entry}\``
    checkOn(declared, { on: given, by, at: ['features', entry], of }, reading)
  }
  return features.map(feature => {
    const own = Object.entries(given ?? {}).filter(([column]) =>
      byOf.get(feature)?.includes(column),
    )
    const on = own.length > 0 ? { on: Object.fromEntries(own) } : {}
    return { kind: 'group', group, feature, ...on }
  })
}

/**
 * The features of a group that `group.feature` or `group.*` means; what is named by itself is not
 * in the *.
 */
function chosenFeatures(
  declared: DeclaredKind<'FeatureView'>,
  entry: string,
  around: Surroundings,
  at: readonly string[] = ['features', entry],
): readonly string[] {
  const dot = entry.indexOf('.')
  const [name, wanted] = [entry.slice(0, dot), entry.slice(dot + 1)]
  const group = around.groups.get(name)
  const which = at.at(-1) === 'from' ? 'value' : 'key'
  if (!group) {
    const has = (group: FeatureGroupSpec) =>
      wanted === '*' || [...group.features, ...group.latest].some(f => f.name === wanted)
    const having = [...around.groups.values()].filter(has).map(group => group.name)
    const [near] = nearest(name, having, 1)
    around.reading.complain(declared, at, which, {
      ...groupComplaint(entry, name, around.reading),
      ...(near && !around.reading.declared.FeatureGroup.has(name)
        ? { cure: `use \`${near}.${wanted}\`` }
        : {}),
    })
    return []
  }
  const all = [...group.features, ...group.latest].map(feature => feature.name)
  if (wanted === '*') {
    return all.filter(feature => !Object.hasOwn(declared.value.features, `${name}.${feature}`))
  }
  if (all.includes(wanted)) return [wanted]
  const near = nearest(wanted, all, 3)
  around.reading.complain(declared, at, which, {
    code: 'E_SPEC_REFERENCE',
    message: `group \`${name}\` has no feature \`${wanted}\``,
    cure:
      near.length > 0
        ? `use ${listed(
            near.map(f => `\`${name}.${f}\``),
            'or',
          )}`
        : 'remove it',
  })
  return []
}

function groupComplaint(entry: string, name: string, reading: FleetReading) {
  const code = 'E_SPEC_REFERENCE' as const
  if (reading.declared.FeatureGroup.has(name)) {
    return {
      code,
      message: `feature \`${entry}\` is of group \`${name}\`, which has errors`,
      cure: `put group \`${name}\` right`,
      follows: true,
    }
  }
  return {
    code,
    message: `feature \`${entry}\` is of group \`${name}\`, which does not exist`,
    cure: 'declare the group, or remove the feature',
    ...(reading.broken || reading.uncertain.has('FeatureGroup') ? { follows: true } : {}),
  }
}
