import { nearest } from '../base/nearest.ts'
import type { DeclaredKind, FleetReading } from './declared.ts'
import type { FeatureViewSpec } from './fleet-spec.ts'
import { listed, printable } from './problem.ts'
import { readTransform, type Transform, transformNames } from './transform.ts'
import { columnParts, misplacedStep, rowNumbers, unfinishedSteps } from './transform-order.ts'

/**
 * Columns that a model weighs. A member's normal equations have half the square of them: 16 MB at
 * this many, for each fold.
 */
const columnsMax = 2_000

/** Numbers in a member's row: 40 kB, and so 400 MB for ten thousand members. */
const rowNumbersMax = 10_000

export function readTransforms(
  declared: DeclaredKind<'FeatureView'>,
  name: string,
  reading: FleetReading,
): readonly Transform[] {
  const { type: declaredType, transform: given = [] } = declared.value.features[name] ?? {}
  const type = declaredType === 'category' ? declaredType : undefined
  const texts = typeof given === 'string' ? [given] : given
  const steps: Transform[] = []
  const complain = (at: readonly (string | number)[], wrong: { message: string; cure: string }) =>
    reading.complain(declared, ['features', name, ...at], 'value', {
      code: 'E_SPEC_TRANSFORM',
      message: `feature \`${name}\`: ${wrong.message}`,
      cure: wrong.cure,
    })
  let isRead = true
  for (const [index, text] of texts.entries()) {
    const read = readTransform(text)
    const wrong =
      'wrong' in read
        ? unread(text, read.wrong, wholeStep(texts, index))
        : read.step && misplacedStep(read.step, steps, type)
    if (wrong) {
      isRead = false
      complain(['transform', ...(typeof given === 'string' ? [] : [index])], wrong)
    } else if ('step' in read && read.step) steps.push(read.step)
  }
  const unfinished = isRead
    ? unfinishedSteps({ ...(type && { type }), transform: steps })
    : undefined
  if (unfinished) complain(['type'], unfinished)
  return steps
}

/** A step with a comma that stands in a list without quotes comes as one text for each part. */
function wholeStep(texts: readonly string[], index: number): string | undefined {
  const first = texts.slice(0, index + 1).findLastIndex(text => text.includes('('))
  const last = texts.findIndex((text, i) => i >= first && text.includes(')'))
  if (first < 0 || last < index || last === first) return undefined
  const step = texts.slice(first, last + 1).join(', ')
  return 'step' in readTransform(step) ? step : undefined
}

function unread(
  text: string,
  wrong: string,
  whole: string | undefined,
): { message: string; cure: string } {
  if (whole) {
    const message = `\`${printable(text)}\` is a part of a step: its comma parts the list`
    return { message, cure: `write it in quotes: "${printable(whole)}"` }
  }
  const form = wrong.split('of the form ')[1]
  if (form !== undefined) return { message: printable(wrong, 200), cure: `write ${form}` }
  const word = text.split('(')[0] ?? ''
  const [near] = nearest(word, transformNames, 1)
  const cure = near ? `use \`${near}\`` : `use ${listed(transformNames, 'or')}`
  return { message: `\`${printable(text)}\` is not a transform`, cure }
}

/** What a view asks of every member's row is bounded. */
export function checkSize(
  declared: DeclaredKind<'FeatureView'>,
  { features, crosses = [] }: Pick<FeatureViewSpec, 'features' | 'crosses'>,
  reading: FleetReading,
): void {
  const columnsOf = new Map(
    features.map(({ name, transform }) => [name, columnParts(transform).length]),
  )
  const crossed = crosses.reduce(
    (sum, [one, other]) => sum + (columnsOf.get(one) ?? 0) * (columnsOf.get(other) ?? 0),
    0,
  )
  const columns = [...columnsOf.values()].reduce((sum, own) => sum + own, crossed)
  const numbers = features.reduce((sum, { transform }) => sum + rowNumbers(transform), crossed)
  if (columns <= columnsMax && numbers <= rowNumbersMax) return
  const id = `${declared.value.name}@${declared.value.version}`
  reading.complain(declared, [crossed > columnsMax / 2 ? 'crosses' : 'features'], 'key', {
    code: 'E_SPEC_SIZE',
    message: `view \`${id}\` makes ${columns} columns and ${numbers} numbers a member`,
    cure: `keep to ${columnsMax} and ${rowNumbersMax}: fewer crosses, or fewer values in encoders`,
  })
}
