import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import { z } from 'zod'
import { MusterError } from '../../base/errors.ts'
import { countOf, formatNumber } from '../../base/format.ts'
import {
  type GraphAnswer,
  type GraphPartRow,
  graphPart,
  messageBytesMax,
} from '../../contract/index.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { cannotRead } from '../read-here.ts'
import type { Column } from '../table.ts'
import { printable } from '../text.ts'

export const act: Act = async call => {
  const message = await readMessage(call)
  const [id, deadlineMs] = [call.text('id'), call.text('deadlineMs')]
  const graph = call.args[0] ?? ''
  try {
    const answer = await connect(call).inferGraph(graph, message, {
      ...(id === undefined ? {} : { id }),
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
    })
    show(call, answer)
  } catch (error) {
    // With --json the error has them as its own.
    if (error instanceof MusterError && !call.screen.json) tellParts(call, graph, error)
    throw error
  }
  return exitCodes.done
}

/** A graph without a result still says what its parts did: which of forty it was. */
function tellParts(call: Call, graph: string, { extra }: MusterError): void {
  const told = z.array(graphPart).safeParse(extra.parts)
  if (told.success) sayParts(call, graph, told.data)
}

const messageHint = 'give --message FILE, or a JSON object on standard input'

async function readMessage(call: Call): Promise<Record<string, unknown>> {
  const hint = messageHint
  const file = call.text('message') ?? '-'
  if (file === '-' && call.terminal.stdinIsTTY) {
    throw new MusterError('E_USAGE', 'there is no message', { field: '--message', hint })
  }
  const { stdin, cwd } = call.terminal
  const from = file === '-' ? stdin : createReadStream(resolve(cwd, file))
  const bytes = await bytesOf(from).catch((cause: unknown) => {
    throw cause instanceof MusterError ? cause : cannotRead(file, cause, '--message')
  })
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    throw new MusterError('E_USAGE', 'the message is not JSON', { field: '--message', hint })
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw new MusterError('E_USAGE', 'the message is not a JSON object', { field: '--message', hint })
}

async function bytesOf(from: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of from) {
    chunks.push(Buffer.from(chunk as Uint8Array))
    bytes += chunks.at(-1)?.length ?? 0
    if (bytes > messageBytesMax) {
      throw new MusterError('E_TOO_LARGE', 'a message has at most a megabyte', {
        hint: messageHint,
      })
    }
  }
  return Buffer.concat(chunks)
}

const columns: readonly Column[] = [
  { head: 'step' },
  { head: 'model' },
  { head: 'value', align: 'right' },
  { head: 'state' },
  { head: 'why', elastic: true },
]

function show(call: Call, { graph, id, value, parts }: GraphAnswer): void {
  const { screen } = call
  if (screen.json) {
    screen.object({ graph, id, value, ...(call.flag('parts') ? { parts } : {}) })
    return
  }
  screen.data(typeof value === 'number' ? formatNumber(value) : JSON.stringify(value))
  sayParts(call, graph, parts)
}

function sayParts(call: Call, graph: string, parts: readonly GraphPartRow[]): void {
  const { screen } = call
  if (call.flag('parts')) screen.table(columns, parts.map(partRow))
  const answered = parts.filter(part => part.state === 'answered').length
  const others = parts.length - answered
  const told = others === 0 ? '' : `, ${others} not${call.flag('parts') ? '' : ' (--parts)'}`
  screen.say(`${countOf(answered, 'part')} of ${graph} answered${told}`)
}

function partRow(part: GraphPartRow): readonly string[] {
  const value = typeof part.value === 'number' ? formatNumber(part.value) : ''
  const why = part.because ?? ''
  const model = part.model ?? ''
  const state = part.how === null ? part.state : `${part.state} by ${part.answeredBy}`
  return [`${part.node}/${part.step}`, printable(model), value, state, printable(why)]
}
