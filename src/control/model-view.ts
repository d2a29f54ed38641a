import type { ModelName } from '../base/ids.ts'
import { parentOf, readModelName } from '../base/model-name.ts'
import type { ModelView, VersionRow } from '../contract/index.ts'
import type { Version } from '../fleet/index.ts'
import { type BlueprintSpec, effectiveParameters } from '../spec/index.ts'
import { countChildren, readRunWork, readVersions, routesOf, servingRun } from '../store/index.ts'
import type { DeskParts } from './desk-parts.ts'
import { knownModel, modelRows } from './models.ts'
import { placeText } from './places.ts'

/** Versions that one look shows; the rest are history for reports. */
const versionsShown = 10

function versionRow(version: Version): VersionRow {
  const { number, digest, run, plan, lineage, fit, verdict, evidence, createdAt } = version
  const fitted = fit.state === 'fitted' ? fit : undefined
  return {
    number,
    digest,
    run,
    plan,
    pipeline: lineage.pipeline,
    view: lineage.view,
    snapshots: { ...lineage.snapshots },
    code: lineage.code,
    parityError: fitted?.parityError ?? null,
    penalty: fitted?.penalty ?? null,
    penaltyFrom: fitted?.penaltyFrom ?? null,
    trainRows: fit.trainRows,
    verdict: { ...verdict, rules: [...verdict.rules] },
    evidence: { ...evidence, ancestors: [...evidence.ancestors] },
    createdAt: createdAt.toISOString(),
  }
}

/**
 * Every value that has an origin: those of the pipeline for this member, and those of its
 * blueprint.
 */
function valuesOf(
  blueprint: BlueprintSpec | undefined,
  keyValues: readonly string[],
): ModelView['values'] {
  if (!blueprint) return []
  const { pipeline, members, view, label, fieldPlaces } = blueprint
  const own = { pipeline: pipeline.id, view, label, atLeast: members.atLeast } as const
  return [
    ...Object.entries(own).map(([name, value]) => ({
      name,
      value: String(value),
      origin: placeText(fieldPlaces[name as keyof typeof own]) || 'default of Blueprint',
      over: null,
    })),
    ...effectiveParameters(blueprint, keyValues).map(({ name, value, from }) => ({
      name,
      value: Array.isArray(value) ? value.join(', ') : String(value),
      origin: from,
      over: null,
    })),
  ]
}

/** What callers send and get: as the newest sealed run fixed it. */
async function signatureOf(
  { store }: DeskParts,
  blueprint: string,
): Promise<ModelView['signature']> {
  const run = await servingRun(store, blueprint)
  const work = run && (await readRunWork(store, run.id))
  if (!work) return null
  const { inputs, output, unit } = work.signature
  return { inputs: [...inputs], output, unit: unit ?? null }
}

export async function modelView(parts: DeskParts, name: string): Promise<ModelView> {
  const { store } = parts
  const record = await knownModel(store, name)
  const [row] = await modelRows(parts, [record])
  const blueprint = await parts.fleet.blueprint(record.blueprint)
  const keyValues = readModelName(record.name)?.keyValues ?? []
  const versions = await readVersions(store, record.name as ModelName, versionsShown)
  const routes = await routesOf(store, [record.name])
  return {
    ...row!,
    parent: parentOf(record.name) ?? null,
    keyValues: keyValues.map((value, i) => ({ column: blueprint?.key[i] ?? '', value })),
    children: await countChildren(store, record.name),
    purpose: blueprint?.purpose ?? '',
    owner: blueprint?.owner ?? '',
    riskClass: blueprint?.riskClass ?? '',
    declaredAt: placeText(blueprint?.place),
    signature: await signatureOf(parts, record.blueprint),
    routes: routes.map(({ environment, generation, version, versionDigest, since }) => ({
      environment,
      generation,
      version,
      versionDigest,
      since: since.toISOString(),
    })),
    values: valuesOf(blueprint, keyValues),
    versions: versions.map(versionRow),
  }
}
