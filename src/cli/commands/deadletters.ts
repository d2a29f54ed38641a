import { MusterError } from '../../base/errors.ts'
import { countOf } from '../../base/format.ts'
import { type LetterRow, type LettersAnswer, letterState } from '../../contract/index.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { pagesOf } from '../pages.ts'
import type { Column } from '../table.ts'
import { printable, timeWords } from '../text.ts'
import { waiting } from '../waiting.ts'

const states = letterState.options

const columns: readonly Column[] = [
  { head: 'letter' },
  { head: 'at' },
  { head: 'trigger' },
  { head: 'message', elastic: true, atLeast: 8 },
  { head: 'tries', align: 'right' },
  { head: 'because', elastic: true, atLeast: 12 },
]

export const act: Act = async call => {
  const { screen } = call
  const client = connect(call)
  const graph = call.text('graph')
  const state = stateOf(call)
  let shown = 0
  let more = false
  const words = { ...(graph && { graph }), ...(state && { state }) }
  for await (const page of pagesOf(call, 'letters', p => client.deadLetters({ ...words, ...p }))) {
    show(call, page.items)
    shown += page.items.length
    more = page.nextCursor !== null
  }
  // A name that is no graph's would seem to have none; letters outlive their graph.
  if (shown === 0 && graph !== undefined) await client.graph(graph)
  if (screen.json) return exitCodes.done
  if (shown === 0) screen.say(`No letter ${state === undefined ? 'waits' : `is ${state}`}.`)
  else {
    screen.say(`${countOf(shown, 'letter')}${more ? ', and there are older ones (--limit)' : ''}.`)
    screen.say('See one: muster deadletters show d-N. Try again: muster deadletters replay d-N ...')
  }
  return exitCodes.done
}

function stateOf(call: Call): LetterRow['state'] | undefined {
  const said = call.text('state')
  const state = states.find(known => known === said)
  if (said === undefined || state !== undefined) return state
  throw new MusterError('E_USAGE', `\`${printable(said)}\` is no state of letters`, {
    field: '--state',
    hint: `say --state ${states.join(', --state ')}`,
  })
}

function show({ screen }: Call, letters: readonly LetterRow[]): void {
  if (screen.json) {
    for (const letter of letters) screen.object(letter)
    return
  }
  const people = screen.width !== undefined
  const rows = letters.map(letter => [
    letter.id,
    people ? timeWords(letter.at) : letter.at,
    printable(letter.trigger),
    printable(letter.messageId),
    String(letter.attempts),
    printable(becauseOf(letter)),
  ])
  screen.table(columns, rows)
}

function becauseOf({ code, sink, because }: LetterRow): string {
  return `${code}: ${sink === null ? '' : `sink ${sink}: `}${because}`
}

/** `muster deadletters show d-7`. */
export const showOne: Act = async call => {
  const { screen } = call
  const [id = ''] = call.args
  const letter = await connect(call).deadLetter(id)
  if (screen.json) {
    screen.object(letter)
    return exitCodes.done
  }
  const { trigger, messageId, state, attempts, at, code, because, hint, sizeBytes } = letter
  screen.say(printable(`${letter.id}  ${trigger}  message ${messageId}, ${state}`))
  const place = letter.sink === null ? '' : ` at the sink ${letter.sink}`
  screen.say(printable(`given up ${timeWords(at)}${place}, tried ${countOf(attempts, 'time')}`))
  screen.say(printable(`${code}: ${because}`))
  if (hint !== null) screen.say(printable(`  ${hint}`))
  if (letter.key !== null) screen.say(printable(`key: ${letter.key}`))
  for (const [name, value] of Object.entries(letter.headers)) {
    screen.say(printable(`${name}: ${value}`))
  }
  const part = letter.whole ? '' : ', of which the beginning was kept'
  const coded = letter.encoding === 'base64' ? ', as base64' : ''
  screen.say(`${countOf(sizeBytes, 'byte')}${part}${coded}:`)
  screen.data(printable(letter.body))
  if (state === 'waiting') {
    const again = letter.whole ? `muster deadletters replay ${id}, or ` : ''
    screen.say(`Next: ${again}muster deadletters drop ${id}`)
  }
  return exitCodes.done
}

export const replay: Act = call =>
  settle(call, 'replaying', ids => connect(call).replayDeadLetters(ids))

export const drop: Act = call => settle(call, 'dropping', ids => connect(call).dropDeadLetters(ids))

async function settle(
  call: Call,
  words: string,
  act: (ids: readonly string[]) => Promise<LettersAnswer>,
): Promise<number> {
  const { screen } = call
  const { items } = await waiting(call, words, act(call.args))
  for (const item of items) {
    if (screen.json) screen.object(item)
    else if (item.outcome !== 'refused') screen.say(`${item.id}  ${item.outcome}`)
    else {
      screen.say(printable(`${item.id}  refused: ${item.code}: ${item.because}`))
      if (item.hint !== null) screen.say(printable(`  ${item.hint}`))
    }
  }
  return items.every(({ outcome }) => outcome !== 'refused') ? exitCodes.done : exitCodes.failed
}
