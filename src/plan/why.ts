import { shortDigest } from '../base/digest.ts'
import { countOf, formatNumber, spanWords } from '../base/format.ts'
import type { ModelName, RunId } from '../base/ids.ts'
import { readModelName } from '../base/model-name.ts'
import type {
  Evidence,
  FamilyRoutes,
  FitRow,
  Lineage,
  Metrics,
  ModelRecord,
  ModelState,
  Route,
  Verdict,
} from '../fleet/index.ts'
import { measuredWords, metricWord } from '../gate/index.ts'
import type { BlueprintSpec } from '../spec/index.ts'

/*
 * The chain from a model's declaration to what answers for it now, from plain recorded data: what
 * `muster why` prints. Every link says what happened, where it is recorded, and with which numbers.
 */

export type WhyStep =
  | 'declared'
  | 'trained'
  | 'judged'
  | 'released'
  | 'set aside'
  | 'reported'
  | 'next'

export interface WhyLink {
  readonly step: WhyStep
  /** `muster.yaml:41`, `r-7`, `low@1`, `generation 1`; may be empty. */
  readonly subject: string
  /** Sentences; the first stands beside the subject. */
  readonly because: readonly string[]
}

export interface WhyChain {
  readonly name: ModelName
  readonly headline: string
  readonly state: ModelState
  /** Itself, an ancestor, or null when nothing answers yet. */
  readonly answeredBy: ModelName | null
  readonly links: readonly WhyLink[]
}

/** The last attempt to make a version of the model, whatever came of it. */
export interface LastTraining {
  readonly run: RunId
  readonly fit: FitRow
  readonly lineage: Pick<Lineage, 'pipeline' | 'view' | 'snapshots'>
  /** Absent where the fit failed. */
  readonly evidence?: Evidence | undefined
  readonly verdict: Verdict
}

export interface ToExplain {
  readonly model: ModelRecord
  /** Absent when it is no longer declared. */
  readonly blueprint?: Pick<BlueprintSpec, 'name' | 'key' | 'place' | 'members'> | undefined
  readonly last?: LastTraining | undefined
  /** Of the model itself; empty when an ancestor answers. */
  readonly routes: readonly (Pick<Route, 'version' | 'versionDigest'> &
    Pick<FamilyRoutes, 'environment' | 'generation'> & { readonly since?: Date | undefined })[]
  readonly answeredBy: ModelName | undefined
  /** While the version that serves is not asked, because it failed; and who is, in this order. */
  readonly aside?:
    | {
        readonly state: 'open' | 'quarantined'
        readonly because: string
        /** ISO 8601. */
        readonly since: string
        readonly standIns: readonly string[]
      }
    | undefined
  readonly reported?: { readonly span: string; readonly metrics: Metrics } | undefined
}

function instant(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

const asideWords = { open: ', but is set aside for a moment', quarantined: ', but is quarantined' }

function headlineOf({ model, routes, answeredBy, aside }: ToExplain): string {
  const { name, state } = model
  if (state === 'retired') return `${name} is retired`
  if (routes.length > 0) {
    const places = routes.map(route => {
      const since = route.since === undefined ? '' : ` since ${instant(route.since)}`
      const version = `v${route.version} (${shortDigest(route.versionDigest)})`
      return `${version} in ${route.environment}${since}`
    })
    const but = aside === undefined ? '' : asideWords[aside.state]
    return `${name} serves ${places.join(', ')}${but}`
  }
  if (answeredBy !== undefined && answeredBy !== name) return `${name} is answered by ${answeredBy}`
  if (state === 'declared') return `${name} is declared and not yet trained`
  return `${name} has no answer: neither it nor an ancestor serves`
}

function declaredLink({ model, blueprint }: ToExplain): WhyLink {
  if (blueprint === undefined) {
    return { step: 'declared', subject: '', because: [`blueprint ${model.blueprint} is gone`] }
  }
  const values = readModelName(model.name)?.keyValues ?? []
  const keys = values.map((value, i) => `${blueprint.key[i] ?? 'key'} ${value}`)
  const { file, line } = blueprint.place
  const words = [`blueprint ${blueprint.name}`, ...keys, countOf(model.rows, 'row')]
  return { step: 'declared', subject: `${file}:${line}`, because: [words.join(', ')] }
}

function trainedLink({ run, fit, lineage }: LastTraining): WhyLink {
  const snapshots = Object.values(lineage.snapshots).map(id => shortDigest(id))
  const label = snapshots.length === 1 ? 'snapshot' : 'snapshots'
  const words = [`${label} ${snapshots.join(' and ')}`, lineage.view, lineage.pipeline]
  if (fit.state === 'failed') {
    const failure = `failed: ${fit.because} (${fit.code})`
    return { step: 'trained', subject: run, because: [words.join(', '), failure] }
  }
  if (fit.penalty !== undefined) {
    const from = fit.penaltyFrom === undefined ? '' : ` (${fit.penaltyFrom})`
    words.push(`penalty ${formatNumber(fit.penalty)}${from}`)
  }
  words.push(countOf(fit.trainRows, 'training row'))
  return { step: 'trained', subject: run, because: [words.join(', ')] }
}

/** `worth-keeping yes (expected gain 0.016)`. */
function ruleWords(rule: Verdict['rules'][number], said: readonly string[]): string {
  const answer = `${rule.gate} ${rule.holds ? 'yes' : 'no'}`
  return said.some(line => line.includes(rule.saw)) ? answer : `${answer} (${rule.saw})`
}

function judgedLink({ evidence, verdict }: LastTraining): WhyLink | undefined {
  if (verdict.decision === 'failed') return undefined
  const subject = [...new Set(verdict.rules.map(rule => rule.from))].join(', ')
  if (evidence === undefined || verdict.rules.length === 0) {
    return { step: 'judged', subject, because: [verdict.because] }
  }
  const ancestor = evidence.ancestors.find(a => a.name === verdict.against)
  const rival = ancestor
    ? { ...ancestor, name: `ancestor ${ancestor.name}` }
    : { ...evidence.baseline, name: 'the baseline' }
  const [scores, other, difference] = measuredWords(evidence, rival).split('; ')
  const said = [`${scores}; ${other}`, `${difference}`]
  const rules = verdict.rules.map(rule => ruleWords(rule, said)).join(' · ')
  return { step: 'judged', subject, because: [...said, rules] }
}

function releasedLinks({ model, routes, last }: ToExplain): readonly WhyLink[] {
  return routes.map(route => {
    const stays =
      last !== undefined && last.verdict.decision !== 'kept' && model.state !== 'retired'
    const how = stays ? `v${route.version} stays: the last one was ${last.verdict.decision}` : ''
    const subject = `generation ${route.generation}`
    const because = `in ${route.environment}, ${how || 'by policy, nobody asked'}`
    return { step: 'released', subject, because: [because] }
  })
}

function asideLink({ model, routes, aside }: ToExplain): WhyLink | undefined {
  if (aside === undefined) return undefined
  const since = instant(new Date(aside.since))
  const { standIns } = aside
  const version = routes[0]?.version
  const isLasting = aside.state === 'quarantined'
  return {
    step: 'set aside',
    subject: `v${version}`,
    because: [
      `${isLasting ? 'quarantined' : 'for a moment'} since ${since}: ${aside.because}`,
      standIns.length > 0
        ? `answered by the first that can: ${standIns.join(', ')}`
        : 'nobody is declared to stand in',
      isLasting
        ? `asked again after: muster quarantine ${model.name}@${version}`
        : 'tried again within a minute',
    ],
  }
}

const reportedMetrics = ['rmse', 'r2', 'logLoss', 'auc'] as const

function reportedLink({ reported }: ToExplain): WhyLink | undefined {
  if (reported === undefined) return undefined
  const { span, metrics } = reported
  const words = reportedMetrics.flatMap(name => {
    const value = metrics[name]
    return value === undefined ? [] : [`${metricWord(name)} ${formatNumber(value)}`]
  })
  const where = `${spanWords(span)}, ${countOf(metrics.rows, 'row')}`
  return {
    step: 'reported',
    subject: '',
    because: [`${where}: ${words.join(', ') || 'no metric'}`],
  }
}

function nextLink({ model, blueprint, last }: ToExplain): WhyLink | undefined {
  const link = (because: string): WhyLink => ({ step: 'next', subject: '', because: [because] })
  switch (model.state) {
    case 'serving':
      return undefined
    case 'retired': {
      if (blueprint === undefined) return link('declare its blueprint again, then: muster plan')
      const least = countOf(blueprint.members.atLeast, 'row')
      return link(`returns when its declaration counts ${least} of it, then: muster plan`)
    }
    case 'declared':
      return link('trained by the next plan: muster plan')
    default: {
      const deed = last?.verdict.decision === 'failed' ? 'trained' : 'judged'
      return link(`${deed} again when its data or its declaration changes: muster plan`)
    }
  }
}

/** Links in the order of time; a step that never happened has none. */
export function explainModel(input: ToExplain): WhyChain {
  const { model, last } = input
  const links = [
    declaredLink(input),
    last && trainedLink(last),
    last && judgedLink(last),
    ...releasedLinks(input),
    asideLink(input),
    reportedLink(input),
    model.state === 'retired'
      ? ({ step: 'released', subject: '', because: [model.because] } satisfies WhyLink)
      : undefined,
    nextLink(input),
  ]
  return {
    name: model.name,
    headline: headlineOf(input),
    state: model.state,
    answeredBy: input.answeredBy ?? null,
    links: links.filter(link => link !== undefined),
  }
}
