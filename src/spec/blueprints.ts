import { digestOfValue } from '../base/digest.ts'
import { nearest } from '../base/nearest.ts'
import type { DeclaredKind, FleetReading } from './declared.ts'
import type { SpecDocument } from './document.ts'
import { complainOfEnvironment } from './environments.ts'
import type { BlueprintSpec, FeatureViewSpec, QualityMetric, Span } from './fleet-spec.ts'
import { readOverrides } from './overrides.ts'
import { choosePipeline, type PipelineParameters, readPipeline, taskOf } from './pipeline-choice.ts'
import { listed, printable } from './problem.ts'
import { readServing } from './serving.ts'
import { dayOf, readSpan } from './spans.ts'
import type { RiskClass } from './words.ts'

interface Surroundings {
  readonly views: ReadonlyMap<string, FeatureViewSpec>
  readonly environments: readonly string[]
  readonly reading: FleetReading
}

export function readBlueprint(
  declared: DeclaredKind<'Blueprint'>,
  who: { readonly owner: string; readonly riskClass: RiskClass },
  around: Surroundings,
): BlueprintSpec | undefined {
  const { document, value } = declared
  const { reading } = around
  const before = reading.problems.length
  checkKey(declared, reading)
  const view = readViewReference(declared, around)
  const pipeline = readPipeline(declared, reading)
  const spans = readSpans(declared, reading)
  checkEnvironments(declared, around)
  checkObjective(declared, pipeline, reading)
  const overrides = readOverrides(declared, pipeline, reading)
  const serving = readServing(declared, who.riskClass, reading)
  const chosen = pipeline && choosePipeline(declared, pipeline, view, reading)
  const quality = value.objectives.quality
  const complete = view && spans && chosen && declared.intact
  if (!complete || reading.problems.length > before) return undefined
  const meaning = {
    riskClass: who.riskClass,
    key: value.key,
    members: { where: value.members.where, atLeast: value.members.atLeast },
    label: value.label,
    pipeline: chosen.choice,
    spans,
    gates: value.gates,
  }
  const objective = quality && readQuality(quality)
  const overrideMeaning = overrides.map(({ match, parameters }) => ({ match, parameters }))
  return {
    name: value.name,
    purpose: value.purpose,
    owner: who.owner,
    ...meaning,
    view: view.id,
    labelUnit: value.labelUnit,
    fieldPlaces: placesIn(document),
    parameterPlaces: chosen.places,
    objectives: { latencyP99Ms: value.objectives.latencyP99Ms, quality: objective },
    budget: { trainSeconds: value.budget.trainSeconds },
    serving,
    overrides,
    environments: value.environments ?? around.environments,
    digest: digestOfValue({
      ...meaning,
      view: view.digest,
      quality: objective,
      overrides: overrideMeaning,
    }),
    place: document.place,
  }
}

function placesIn(document: SpecDocument): BlueprintSpec['fieldPlaces'] {
  const atLeast = ['members', 'atLeast']
  return {
    pipeline: document.placeOf(['pipeline']),
    view: document.placeOf(['view']),
    label: document.placeOf(['label']),
    ...(document.get(atLeast) === undefined ? {} : { atLeast: document.placeOf(atLeast) }),
  }
}

function checkKey(declared: DeclaredKind<'Blueprint'>, reading: FleetReading): void {
  // DuckDB reads column names in either case, so they are equal in either case.
  const columns = declared.value.key.map(column => column.toLowerCase())
  const twice = columns.findIndex((column, index) => columns.indexOf(column) !== index)
  if (twice < 0) return
  reading.complain(declared, ['key', twice], 'value', {
    code: 'E_SPEC_KEY',
    message: `column \`${printable(declared.value.key[twice] ?? '')}\` is named twice in the key`,
    cure: 'name each column once: each prefix of the key is a level',
  })
}

function readViewReference(
  declared: DeclaredKind<'Blueprint'>,
  around: Surroundings,
): FeatureViewSpec | undefined {
  const { view: id, name } = declared.value
  const view = around.views.get(id)
  if (view) return view
  const bare = id.slice(0, id.indexOf('@'))
  const published = [...around.reading.declared.FeatureView]
    .filter(known => known.slice(0, known.indexOf('@')) === bare)
    .map(known => known.slice(known.indexOf('@') + 1))
  const near = nearest(id, around.reading.declared.FeatureView, 1)[0]
  const cure =
    published.length > 0
      ? `published versions: ${published.sort((a, b) => Number(a) - Number(b)).join(', ')}`
      : near
        ? `use \`${near}\``
        : 'declare it, or name one that is declared'
  const message = `blueprint \`${name}\` reads view \`${id}\``
  around.reading.complainOfReference(
    declared,
    ['view'],
    { kind: 'FeatureView', name: id },
    { message, cure },
  )
  return undefined
}

/**
 * Each span begins where the one before it has ended: else a version is judged on what it was
 * fitted on.
 */
function readSpans(
  declared: DeclaredKind<'Blueprint'>,
  reading: FleetReading,
): BlueprintSpec['spans'] | undefined {
  const order = ['train', 'judge', 'report'] as const
  const found: Partial<Record<(typeof order)[number], Span>> = {}
  let previous: { name: string; span: Span } | undefined
  for (const name of order) {
    const text = declared.value.spans[name]
    if (text === undefined) continue
    const read = readSpan(text)
    if ('wrong' in read) {
      reading.complain(declared, ['spans', name], 'value', {
        code: 'E_SPEC_SPAN',
        message: `\`${name}\` of blueprint \`${declared.value.name}\` is not a span: ${read.wrong}`,
        cure: 'name days that exist, the earlier first: 2001-01..2001-04',
      })
      continue
    }
    if (previous && read.span.fromMs < previous.span.toMs) {
      const [begins, ends] = [dayOf(read.span.fromMs), dayOf(previous.span.toMs - 1)]
      reading.complain(declared, ['spans', name], 'value', {
        code: 'E_SPEC_SPAN',
        message: `\`${name}\` begins on ${begins}, but \`${previous.name}\` ends on ${ends}`,
        cure: `begin \`${name}\` on ${dayOf(previous.span.toMs)} or later`,
      })
    }
    found[name] = read.span
    previous = { name, span: read.span }
  }
  const { train, judge, report } = found
  return train && judge && { train, judge, report }
}

function checkEnvironments(declared: DeclaredKind<'Blueprint'>, around: Surroundings): void {
  const seen = new Set<string>()
  for (const [index, name] of (declared.value.environments ?? []).entries()) {
    const at = ['environments', index]
    if (seen.has(name)) {
      around.reading.complain(declared, at, 'value', {
        code: 'E_SPEC_VALUE',
        message: `environment \`${name}\` is named twice`,
        cure: 'name it once',
      })
    } else if (!around.environments.includes(name)) {
      complainOfEnvironment(declared, at, name, around.environments, around.reading)
    }
    seen.add(name)
  }
}

/** The task that a metric measures, and whether more of it is better. */
const qualityMetrics: Readonly<
  Record<QualityMetric, { task: 'regression' | 'classification'; better: 'more' | 'less' }>
> = {
  rmse: { task: 'regression', better: 'less' },
  mae: { task: 'regression', better: 'less' },
  r2: { task: 'regression', better: 'more' },
  logLoss: { task: 'classification', better: 'less' },
  auc: { task: 'classification', better: 'more' },
  brier: { task: 'classification', better: 'less' },
  calibrationError: { task: 'classification', better: 'less' },
}

function checkObjective(
  declared: DeclaredKind<'Blueprint'>,
  pipeline: PipelineParameters | undefined,
  reading: FleetReading,
): void {
  const { objectives, gates } = declared.value
  const quality = objectives.quality
  if (!quality) return
  const at = ['objectives', 'quality']
  const code = 'E_SPEC_OBJECTIVE'
  const facts = qualityMetrics[quality.metric]
  if (pipeline && taskOf(pipeline.id) !== facts.task) {
    const suited = Object.entries(qualityMetrics).filter(([, f]) => f.task === taskOf(pipeline.id))
    reading.complain(declared, [...at, 'metric'], 'value', {
      code,
      message:
        `\`${quality.metric}\` does not measure a ${taskOf(pipeline.id)}, ` +
        `which ${pipeline.id} does`,
      cure: `use ${listed(
        suited.map(([metric]) => metric),
        'or',
      )}`,
    })
  }
  const wrongBound = facts.better === 'more' ? 'atMost' : 'atLeast'
  if (quality[wrongBound] !== undefined) {
    reading.complain(declared, [...at, wrongBound], 'key', {
      code,
      message:
        `${facts.better} \`${quality.metric}\` is better, ` +
        `so \`${wrongBound}\` bounds the wrong side`,
      cure: `use \`${wrongBound === 'atMost' ? 'atLeast' : 'atMost'}\``,
    })
  }
  if (Object.hasOwn(gates, 'objective')) {
    reading.complain(declared, ['gates', 'objective'], 'key', {
      code: 'E_SPEC_GATE',
      message: 'gate `objective` is the one that the quality objective makes',
      cure: 'give the gate another name',
    })
  }
}

type Quality = NonNullable<BlueprintSpec['objectives']['quality']>

function readQuality(quality: {
  metric: QualityMetric
  atMost?: number | undefined
  atLeast?: number | undefined
}): Quality {
  const { metric, atMost, atLeast } = quality
  return atMost === undefined ? { metric, atLeast: atLeast ?? 0 } : { metric, atMost }
}
