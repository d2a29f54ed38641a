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

export function isFailing(state: ModelRow['state']): boolean {
  return state === 'refused' || state === 'failed'
}
