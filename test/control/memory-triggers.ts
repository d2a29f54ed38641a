import type { TriggersDesk } from '../../src/api/index.ts'
import { MusterError } from '../../src/base/errors.ts'
import type { LetterRow, LettersAnswer } from '../../src/contract/index.ts'

/* One trigger, and letters of each kind. */

function letter(n: number, more: Partial<LetterRow>): LetterRow {
  return {
    id: `d-${n}`,
    trigger: 'wafer-health/readings',
    sink: null,
    messageId: `w-${n}`,
    sizeBytes: 24,
    code: 'E_MESSAGE',
    because: 'the field `tool` is missing',
    hint: 'send it as text',
    attempts: 1,
    state: 'waiting',
    at: '2026-11-21T12:03:41.000Z',
    ...more,
  }
}

const letters: readonly LetterRow[] = [
  letter(9, {
    sink: 'alerts',
    code: 'E_CONNECTION',
    because: 'it answered 500',
    hint: 'see to the sink, then replay the letter',
    attempts: 8,
  }),
  letter(8, {
    code: 'E_POISON',
    because: '3 attempts have not ended',
    hint: 'each ended the process or was cut off; see its log, then replay or drop the message',
    attempts: 3,
  }),
  letter(7, {}),
]

export function memoryTriggers(): TriggersDesk {
  const settle = async (ids: readonly string[], outcome: 'replayed' | 'dropped') => ({
    items: ids.map((id): LettersAnswer['items'][number] =>
      letters.some(one => one.id === id)
        ? { id, outcome, code: null, because: null, hint: null }
        : {
            id,
            outcome: 'refused',
            code: 'E_NOT_FOUND',
            because: `there is no letter ${id}`,
            hint: 'see those that wait: muster deadletters',
          },
    ),
  })
  return {
    async triggers() {
      return [
        {
          name: 'wafer-health/readings',
          kind: 'amqp',
          connection: 'plant',
          state: 'connected',
          because: null,
          forMs: 81_000,
          taken: 1_200,
          done: 1_190,
          again: 4,
          failed: 9,
          dead: 3,
          retrying: 3,
        },
      ]
    },
    outbox: () => 0,
    async letters({ limit, after, state }) {
      const rows = letters.filter(one => state === undefined || one.state === state)
      return rows.filter(({ id }) => after === undefined || id < after.id).slice(0, limit)
    },
    async letter(id) {
      const found = letters.find(one => one.id === id)
      if (!found) throw new MusterError('E_NOT_FOUND', `there is no letter ${id}`)
      return {
        ...found,
        key: 'etch-7',
        headers: { 'content-type': 'application/json' },
        body: '{"wafer":"A1","value":3}',
        encoding: 'text',
        whole: true,
      }
    },
    replay: ids => settle(ids, 'replayed'),
    drop: ids => settle(ids, 'dropped'),
    async events() {},
  }
}
