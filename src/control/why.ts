import { countOf } from '../base/format.ts'
import type { ModelName } from '../base/ids.ts'
import { readModelName } from '../base/model-name.ts'
import type { WhyChain } from '../contract/index.ts'
import type { ReportOutput } from '../fleet/index.ts'
import { explainModel, type LastTraining } from '../plan/index.ts'
import { readJudgements, readModel, readReport, readRunWork, routesOf } from '../store/index.ts'
import { asideOf } from './aside.ts'
import type { DeskParts } from './desk-parts.ts'
import { answerersOf, knownModel } from './models.ts'
import { placeText } from './places.ts'

/** The chain from the declaration to what answers now. Throws E_NAME, E_MODEL_UNKNOWN. */
export async function why(parts: DeskParts, name: string): Promise<WhyChain> {
  const { store } = parts
  const undeclared = await whyUndeclared(parts, name)
  if (undeclared) return undeclared
  const model = await knownModel(store, name)
  const [judgement] = await readJudgements(store, [model.name])
  const work = judgement && (await readRunWork(store, judgement.run))
  const last: LastTraining | undefined =
    judgement && work
      ? {
          run: judgement.run,
          fit: judgement.fit,
          lineage: work.lineage,
          evidence: judgement.evidence ?? undefined,
          verdict: judgement.verdict,
        }
      : undefined
  const report = judgement && (await readReport(store, judgement.run))
  const answerer = (await answerersOf(store, [model.name])).get(model.name)
  const routes = await routesOf(store, [model.name])
  const version = routes.find(route => route.environment === (parts.environment ?? 'prod'))?.version
  const blueprint = await parts.fleet.blueprint(model.blueprint)
  const aside = version === undefined ? null : asideOf(parts)(model.name, version)
  const chain = explainModel({
    model,
    blueprint,
    aside: aside ? { ...aside, standIns: blueprint?.serving.fallback ?? [] } : undefined,
    last,
    routes,
    answeredBy: model.state === 'retired' ? undefined : answerer?.model,
    reported: reportedOf(report, model.name),
  })
  return { ...chain, links: chain.links.map(link => ({ ...link, because: [...link.because] })) }
}

/**
 * A name below a family that is not declared is answered like one that is: by its nearest ancestor.
 * Undefined when it is declared, or when no family could have it.
 */
async function whyUndeclared(
  { store, fleet }: DeskParts,
  name: string,
): Promise<WhyChain | undefined> {
  const read = readModelName(name)
  const blueprint = read && (await fleet.blueprint(read.blueprint))
  if (!blueprint || read.keyValues.length > blueprint.key.length) return undefined
  if (await readModel(store, name)) return undefined
  const model = name as ModelName
  const answeredBy = (await answerersOf(store, [model])).get(model)?.model ?? null
  const rows = countOf(blueprint.members.atLeast, 'row')
  return {
    name,
    headline: answeredBy
      ? `${name} is answered by ${answeredBy}`
      : `${name} has no answer: neither it nor an ancestor serves`,
    state: 'inherited',
    answeredBy,
    links: [
      {
        step: 'declared',
        subject: placeText(blueprint.place),
        because: [`not a member: it was never seen in the data, or has fewer than ${rows}`],
      },
      {
        step: 'next',
        subject: '',
        because: [`a member once it has ${rows}, then: muster plan`],
      },
    ],
  }
}

function reportedOf(report: ReportOutput | undefined, name: string) {
  const member = report?.members.find(m => m.name === name)
  return report && member ? { span: report.span, metrics: member.metrics } : undefined
}
