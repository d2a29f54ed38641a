import type { FrameManifest } from '../fleet/index.ts'
import { type Categories, codeTable, dictionaryOf, recode } from '../onnx/index.ts'
import type { ViewFeature } from '../spec/index.ts'
import type { Samples } from './parity-samples.ts'
import type { Training } from './training.ts'

/*
 * A frame codes its texts by all of its rows; a graph by those it was trained on, and knows no
 * others. Between the two, codes are translated by their text: so that a champion of last month is
 * judged on a frame of today by what it calls unknown.
 */

/**
 * Texts that a graph keeps of a feature, the most frequent: every server has them in memory, and
 * every exported file carries them. Others are unknown.
 */
const textsMax = 10_000

type FrameTexts = Pick<FrameManifest, 'features' | 'categories'>

/** The texts of the training rows, in the frame's order; none of features that are not read. */
export function trainingCategories(
  features: readonly ViewFeature[],
  frame: FrameTexts,
  { parts }: Pick<Training, 'parts'>,
): Categories {
  const found: Record<string, readonly string[]> = {}
  features.forEach(({ name, type }, f) => {
    const texts = frame.categories?.[name]
    if (type !== 'category' || !texts) return
    const rows = new Float64Array(texts.length)
    for (const { raw } of parts) for (const code of raw[f]!) rows[code] = rows[code]! + 1
    const seen = [...texts.keys()].filter(code => rows[code]! > 0)
    const kept = seen.sort((a, b) => rows[b]! - rows[a]! || a - b).slice(0, textsMax)
    if (kept.length > 0) found[name] = kept.sort((a, b) => a - b).map(code => texts[code]!)
  })
  return found
}

/** By feature of the frame: its codes to those of a graph; undefined where it is a number. */
type CodeTables = readonly (Float32Array | undefined)[]

export function codeTables(frame: FrameTexts, categories: Categories): CodeTables {
  return frame.features.map(name => {
    const [from, to] = [frame.categories?.[name], categories[name]]
    return from && to && codeTable(from, dictionaryOf(to))
  })
}

export function recodeColumns(
  raw: readonly Float32Array[],
  tables: CodeTables,
): readonly Float32Array[] {
  return raw.map((column, f) => {
    const table = tables[f]
    return table ? recode(column, table) : column
  })
}

/** Training rows and samples in the codes of the graph; the samples in place. */
export function recodeTraining(
  training: Training,
  samples: readonly Samples[],
  frame: FrameTexts,
  categories: Categories,
): Training {
  if (Object.keys(categories).length === 0) return training
  const tables = codeTables(frame, categories)
  for (const { raw } of samples) {
    for (const [f, column] of recodeColumns(raw, tables).entries()) raw[f]!.set(column)
  }
  const parts = training.parts.map(part => ({ ...part, raw: recodeColumns(part.raw, tables) }))
  return { ...training, parts }
}
