import onnxProto from 'onnx-proto'
import { canonicalJson } from '../base/digest.ts'

/*
 * What the codes of category features stand for. A graph computes with numbers, so a text is its
 * place in the dictionary that the graph was trained with; each graph carries its own, and whoever
 * has text (the server, a frame with another dictionary, an exported file) asks that one.
 */

/** By feature: texts in order; the code of a text is its place. */
export type Categories = Readonly<Record<string, readonly string[]>>

/** The code of a text that is in no dictionary. No encoder knows it. */
export const unknownCode = -1

const property = 'categories'

export function categoriesProperty(categories: Categories | undefined): Record<string, string> {
  if (!categories || Object.keys(categories).length === 0) return {}
  return { [property]: canonicalJson(categories) }
}

/** The dictionaries of a graph that `buildFamilyGraph` has made; none when it has no categories. */
export function readCategories(graph: Uint8Array): Categories {
  const { metadataProps } = onnxProto.onnx.ModelProto.decode(graph)
  const found = metadataProps.find(({ key }) => key === property)?.value
  return found ? (JSON.parse(found) as Categories) : {}
}

/** Codes by text. */
export type Dictionary = ReadonlyMap<string, number>

export function dictionaryOf(texts: readonly string[]): Dictionary {
  return new Map(texts.map((text, code) => [text, code]))
}

/**
 * The code of a text; of an empty one NaN, for missing, unless training had it as a category:
 * binary tensors and exported files have no other form for missing.
 */
export function codeOf(dictionary: Dictionary, text: string): number {
  return dictionary.get(text) ?? (text === '' ? Number.NaN : unknownCode)
}

/** The codes of `to` for those of `from`: `table[code]`. NaN stays NaN: see `recode`. */
export function codeTable(from: readonly string[], to: Dictionary): Float32Array {
  return Float32Array.from(from, text => codeOf(to, text))
}

/** A column of codes by `table`; a missing value stays missing. */
export function recode(codes: Float32Array, table: Float32Array): Float32Array {
  return codes.map(code => table[code] ?? (Number.isNaN(code) ? Number.NaN : unknownCode))
}
