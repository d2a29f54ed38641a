import { isDatabaseTrouble, type Store } from '../store/index.ts'
import { backoff, pause } from '../streams/index.ts'
import type { TriggerParts } from './trigger-parts.ts'

/**
 * Does it when the database can. Until then messages stay where they are, and the broker sends no
 * more. Throws what is not the database's trouble, and its trouble when that lasts to the abort.
 */
export async function withDatabase<T>(
  { store, chance, log }: Pick<TriggerParts, 'store' | 'chance' | 'log'>,
  signal: AbortSignal,
  deed: (store: Store) => Promise<T>,
): Promise<T> {
  for (let failures = 0; ; failures++) {
    try {
      return await deed(store)
    } catch (error) {
      if (!isDatabaseTrouble(error) || signal.aborted) throw error
      if (failures === 0) log('messages wait for the database', error)
      await pause(backoff(failures, chance), signal)
    }
  }
}
