import { MusterError } from '../base/errors.ts'
import { codeOfText, type InputReader } from './input-reader.ts'

/*
 * Inputs that are categories: texts, turned into the codes of the graph that answers. A text that
 * its training did not have is no error: the graph does with it what the view says of unknown ones,
 * and the answer names the input. Null is missing, and so is an empty text, for binary tensors have
 * no null.
 */

export function checkText(name: string, datatype: unknown): void {
  if (datatype === 'BYTES') return
  const shown = typeof datatype === 'string' ? `\`${datatype.slice(0, 32)}\`` : 'absent'
  throw new MusterError('E_TENSOR_DATATYPE', `the datatype of input \`${name}\` is ${shown}`, {
    field: name,
    hint: 'send BYTES: it is a category, whose values are texts',
  })
}

/** Writes a column of `x`. Gives whether a text is among them that training did not have. */
export function readTextColumn(
  data: readonly unknown[],
  { reader, column, x }: { readonly reader: InputReader; column: number; x: Float32Array },
): boolean {
  const low = reader.lows[column]!
  let outside = false
  for (let i = 0, at = column; i < data.length; i++, at += reader.count) {
    let value = data[i]
    if (Array.isArray(value) && value.length === 1) value = value[0]
    if (typeof value !== 'string' && value !== null) throw notText(reader, column, i, value)
    x[at] = codeOfText(reader, column, value)
    if (x[at]! < low) outside = true
  }
  return outside
}

function notText(reader: InputReader, column: number, i: number, value: unknown): MusterError {
  const { name } = reader.signature.inputs[column]!
  const what = Array.isArray(value) ? 'list' : typeof value
  return new MusterError('E_TENSOR_DATA', `value ${i} of input \`${name}\` is a ${what}, no text`, {
    field: name,
    hint: 'it is a category: send a text, or null if missing',
  })
}
