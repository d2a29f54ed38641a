import type { WhyChain } from '../contract/index.ts'
import type { ReportOutput } from '../fleet/index.ts'
import { explainModel, type LastTraining } from '../plan/index.ts'
import { readJudgements, readReport, readRunWork, routesOf } from '../store/index.ts'
import type { DeskParts } from './desk-parts.ts'
import { answerersOf, knownModel } from './models.ts'

/** The chain from the declaration to what answers now. Throws E_NAME, E_MODEL_UNKNOWN. */
export async function why(parts: DeskParts, name: string): Promise<WhyChain> {
  const { store } = parts
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
  const chain = explainModel({
    model,
    blueprint: await parts.fleet.blueprint(model.blueprint),
    last,
    routes: await routesOf(store, [model.name]),
    answeredBy: model.state === 'retired' ? undefined : answerer?.model,
    reported: reportedOf(report, model.name),
  })
  return { ...chain, links: chain.links.map(link => ({ ...link, because: [...link.because] })) }
}

function reportedOf(report: ReportOutput | undefined, name: string) {
  const member = report?.members.find(m => m.name === name)
  return report && member ? { span: report.span, metrics: member.metrics } : undefined
}
