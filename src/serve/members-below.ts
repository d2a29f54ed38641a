import type { ModelName } from '../base/ids.ts'
import { levelOf } from '../base/model-name.ts'
import type { Family } from './family.ts'

/**
 * Names of a family's members of full depth below `prefix`, in order, at most `atMost`. Also those
 * that an ancestor answers for.
 */
export function membersBelow(
  { names, keyLength }: Pick<Family, 'names' | 'keyLength'>,
  prefix: string,
  atMost: number,
): readonly string[] {
  const begins = `${prefix}.`
  const found: string[] = []
  for (let at = names.lowerBound(begins); at < names.size && found.length < atMost; at++) {
    const name = names.nameAt(at)
    if (!name.startsWith(begins)) break
    if (levelOf(name as ModelName) === keyLength) found.push(name)
  }
  return found
}
