import type { Page } from '../contract/index.ts'
import type { Call } from './command.ts'
import { readLimit } from './numbers.ts'
import { waiting } from './waiting.ts'

/** What fits a screen; a pipe gets all. */
const terminalLimit = 40
const pageMax = 1_000

/**
 * The pages of a list, as many as --limit says, or a screen of it, or for a pipe all. The last one
 * has a cursor when the list goes on.
 */
export async function* pagesOf<P extends Page<unknown>>(
  call: Call,
  what: string,
  ask: (page: { readonly limit: number; readonly cursor?: string }) => Promise<P>,
): AsyncGenerator<P> {
  const { screen } = call
  const forPeople = screen.width !== undefined && !screen.json
  const limit = readLimit(call.text('limit')) ?? (forPeople ? terminalLimit : Infinity)
  let shown = 0
  let cursor: string | null = null
  do {
    const page: P = await waiting(
      call,
      what,
      ask({
        limit: Math.min(pageMax, limit - shown),
        ...(cursor === null ? {} : { cursor }),
      }),
    )
    yield page
    shown += page.items.length
    cursor = page.nextCursor
  } while (cursor !== null && shown < limit && !screen.closed)
}
