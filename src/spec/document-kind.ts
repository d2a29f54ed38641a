import { nearest } from '../base/nearest.ts'
import type { SpecDocument } from './document.ts'
import { isKind, kinds, rootSchema } from './kinds/all.ts'
import { listed, printable, type SpecProblem } from './problem.ts'
import { foundOf } from './subject.ts'

/** Documents by their kind; what has no kind that we know is complained of. */
export function kindComplaint(document: SpecDocument): SpecProblem | undefined {
  const kind = document.value.kind
  if (typeof kind === 'string' && isKind(kind)) return undefined
  if (!Object.hasOwn(document.value, 'kind')) {
    return document.problem([], 'key', {
      code: 'E_SPEC_KIND',
      message: 'the document has no `kind`',
      cure: `add \`kind:\` ${listed(kinds, 'or')}; the root of the fleet has \`fleet:\``,
    })
  }
  const [near] = typeof kind === 'string' ? nearest(kind, kinds, 1) : []
  return document.problem(['kind'], 'value', {
    code: 'E_SPEC_KIND',
    message:
      typeof kind === 'string'
        ? `there is no kind \`${printable(kind)}\``
        : `\`kind\` is ${foundOf(kind)}`,
    cure: near ? `use \`${near}\`` : `use ${listed(kinds, 'or')}`,
    expected: listed(kinds, 'or'),
  })
}

/** Fields that only the root has: a document with one of them and no kind is meant to be it. */
export function isRoot(document: SpecDocument): boolean {
  return (
    !Object.hasOwn(document.value, 'kind') &&
    Object.keys(rootSchema.shape).some(field => Object.hasOwn(document.value, field))
  )
}
