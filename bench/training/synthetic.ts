import { type Digest, digestOf } from '../../src/base/digest.ts'
import { SeededRandom } from '../../src/base/random.ts'
import { divideIntoParts, writeColumns } from '../../src/features/parts.ts'
import {
  type Blobs,
  type FamilySpec,
  type FrameManifest,
  type LabelManifest,
  type MemberList,
  putJson,
} from '../../src/fleet/index.ts'

/*
 * A family made up: every leaf has the same number of rows, its coefficients lie around the root's.
 * The frame and its labels stand in the blobs as `features` would have left them.
 */

export const penalty = 10
export const featureCount = 16

const dayMs = 86_400_000

export interface SyntheticFamily {
  readonly family: FamilySpec
  readonly frame: Digest
  readonly labels: Digest
  readonly manifest: FrameManifest
  readonly labelParts: readonly Digest[]
}

export async function writeFamily(
  blobs: Blobs,
  members: number,
  rowsEach: number,
): Promise<SyntheticFamily> {
  const keys = Array.from({ length: members }, (_, i) => `m${String(i).padStart(6, '0')}`)
  const leafRows = keys.map(() => rowsEach)
  const divided = divideIntoParts(leafRows)
  const featureNames = Array.from({ length: featureCount }, (_, f) => `f${f}`)
  const random = new SeededRandom(10_000)
  const root = featureNames.map(() => random.normal())
  const parts: FrameManifest['parts'][number][] = []
  const labelParts: Digest[] = []
  for (const part of divided) {
    const { eventMs, features, label } = drawPart(part.rows, rowsEach, root, random)
    const columns = features.map((values, f) => ({ name: featureNames[f]!, values }))
    const frame = writeColumns([{ name: 'event_ms', values: eventMs }, ...columns])
    parts.push({ ...part, digest: await blobs.put(frame) })
    labelParts.push(await blobs.put(writeColumns([{ name: 'label', values: label }])))
  }
  const manifest: FrameManifest = {
    view: 'synthetic@1',
    key: ['member'],
    features: featureNames,
    rows: members * rowsEach,
    rowsWithoutKey: 0,
    leafKeys: [keys],
    leafRows,
    parts,
  }
  const frame = await putJson(blobs, manifest)
  const labels: LabelManifest = { frame, label: 'y', binary: false, parts: labelParts }
  const declared: MemberList = {
    levels: [
      { keys: [[]], rows: [manifest.rows] },
      { keys: keys.map(key => [key]), rows: leafRows },
    ],
  }
  const family = familyOf(featureNames, rowsEach, await putJson(blobs, declared))
  return { family, frame, labels: await putJson(blobs, labels), manifest, labelParts }
}

/** One penalty, declared: a search on folds has no counterpart in a loop of `Ridge`. */
function familyOf(names: readonly string[], rowsEach: number, members: Digest): FamilySpec {
  const span = (text: string, fromMs: number, toMs: number) => ({ text, fromMs, toMs })
  return {
    blueprint: 'bench',
    view: digestOf('bench'),
    key: ['member'],
    features: names.map(name => ({
      name,
      from: { kind: 'row', sql: name },
      transform: [{ kind: 'standard' }],
    })),
    pipeline: { id: 'ridge@1', parameters: { penalty, folds: 2 } },
    overrides: [],
    spans: {
      train: span('all', 0, rowsEach * dayMs),
      judge: span('none', rowsEach * dayMs, rowsEach * dayMs + 1),
      report: undefined,
    },
    members,
  }
}

/** Rows of whole members, a day apart; float32 features with means and deviations of their own. */
function drawPart(rows: number, rowsEach: number, root: readonly number[], random: SeededRandom) {
  const eventMs = new Float64Array(rows)
  const label = new Float64Array(rows)
  const features = root.map(() => new Float32Array(rows))
  for (let from = 0; from < rows; from += rowsEach) {
    const own = root.map(weight => weight + 0.5 * random.normal())
    const intercept = 5 + random.normal()
    for (let r = from; r < from + rowsEach; r++) {
      eventMs[r] = (r - from) * dayMs
      let y = intercept + random.normal()
      for (let f = 0; f < own.length; f++) {
        const z = random.normal()
        features[f]![r] = (1 + f / 8) * z + f / 4
        y += own[f]! * z
      }
      label[r] = y
    }
  }
  return { eventMs, features, label }
}
