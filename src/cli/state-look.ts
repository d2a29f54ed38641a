import type { ModelRow } from '../contract/index.ts'

/** Shape and word, never colour alone. */
export const stateShapes: Readonly<Record<ModelRow['state'], string>> = {
  serving: '●',
  inherited: '○',
  refused: '■',
  failed: '■',
  declared: '·',
  retired: '×',
}

export function stateText(state: ModelRow['state'], shape: boolean): string {
  return shape ? `${stateShapes[state]} ${state}` : state
}

/** Of a model whose version serves but is not asked. */
export function asideText({ state }: NonNullable<ModelRow['aside']>, shape: boolean): string {
  const word = state === 'quarantined' ? state : 'set aside'
  return shape ? `■ ${word}` : word
}

export function isFailing({ state, aside }: Pick<ModelRow, 'state' | 'aside'>): boolean {
  return aside !== null || state === 'refused' || state === 'failed'
}
