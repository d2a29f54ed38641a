import type { TriggersDesk } from '../api/index.ts'
import { asMusterError, MusterError } from '../base/errors.ts'
import type { LetterRow, LettersAnswer, LetterView } from '../contract/index.ts'
import { type DeadLetter, type FullLetter, listLetters, readLetter } from '../store/index.ts'
import type { Triggers } from '../triggers/index.ts'
import type { DeskParts } from './desk-parts.ts'

export function triggersDesk(parts: Pick<DeskParts, 'store' | 'triggers'>): TriggersDesk {
  const { store } = parts
  const triggers = (): Triggers => {
    if (parts.triggers) return parts.triggers
    throw new MusterError('E_NOT_FOUND', 'this server runs no triggers')
  }
  return {
    async triggers({ limit, after }) {
      return triggers()
        .status()
        .filter(({ name }) => after === undefined || name > after.id)
        .slice(0, limit)
        .map(({ counts, ...row }) => ({ ...row, ...counts }))
    },
    outbox: () => triggers().waitingDeliveries,
    async letters({ limit, after, graph, state }) {
      const beforeNumber = after === undefined ? undefined : numberOf(after.id)
      return (await listLetters(store, { graph, state, beforeNumber, limit })).map(rowOf)
    },
    async letter(id) {
      const found = await readLetter(store, numberOf(id))
      if (found) return viewOf(found)
      throw new MusterError('E_NOT_FOUND', `there is no letter ${id}`, {
        hint: 'see those that wait: muster deadletters',
      })
    },
    replay: ids => each(ids, 'replayed', number => triggers().replay(number)),
    drop: ids => each(ids, 'dropped', number => triggers().drop(number)),
    events: (path, headers, body) => triggers().eventsAt(path).post(headers, body),
  }
}

/** One after the other: a replay may be what ends the process. */
async function each(
  ids: readonly string[],
  outcome: 'replayed' | 'dropped',
  act: (number: number) => Promise<void>,
): Promise<LettersAnswer> {
  const items: LettersAnswer['items'] = []
  for (const id of new Set(ids)) {
    try {
      await act(numberOf(id))
      items.push({ id, outcome, code: null, because: null, hint: null })
    } catch (error) {
      const { code, message, hint } = asMusterError(error)
      items.push({ id, outcome: 'refused', code, because: message, hint: hint ?? null })
    }
  }
  return { items }
}

function numberOf(id: string): number {
  const [, number] = /^d-(\d{1,15})$/.exec(id) ?? []
  if (number !== undefined) return Number(number)
  throw new MusterError('E_NOT_FOUND', 'this is not the id of a letter', {
    field: 'id',
    hint: 'a letter is d- and its number: d-7',
  })
}

function rowOf(letter: DeadLetter): LetterRow {
  const { number, graph, trigger, sink, messageId, sizeBytes, code, cause, hint } = letter
  const { attempts, state, at } = letter
  return {
    id: `d-${number}`,
    trigger: `${graph}/${trigger}`,
    sink,
    messageId,
    sizeBytes,
    code,
    because: cause,
    hint,
    attempts,
    state,
    at: at.toISOString(),
  }
}

function viewOf(letter: FullLetter): LetterView {
  const text = textOf(letter.body)
  return {
    ...rowOf(letter),
    key: letter.messageKey,
    headers: { ...letter.headers },
    body: text ?? Buffer.from(letter.body).toString('base64'),
    encoding: text === undefined ? 'base64' : 'text',
    whole: letter.body.byteLength === letter.sizeBytes,
  }
}

function textOf(body: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch {
    return undefined
  }
}
