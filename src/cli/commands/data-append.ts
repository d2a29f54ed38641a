import { createHash } from 'node:crypto'
import { createReadStream, openAsBlob } from 'node:fs'
import { stat } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { MusterError } from '../../base/errors.ts'
import { countOf } from '../../base/format.ts'
import { type AppendWords, rowsFormats } from '../../contract/index.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { cannotRead } from '../read-here.ts'
import { printable } from '../text.ts'
import { waiting } from '../waiting.ts'

export const act: Act = async call => {
  const [name = '', file = ''] = call.args
  const path = resolve(call.terminal.cwd, file)
  const unread = (cause: unknown) => {
    throw cannotRead(file, cause)
  }
  const found = await stat(path).catch(unread)
  // It is read twice: for its digest, and to be sent.
  if (!found.isFile())
    throw new MusterError('E_USAGE', `${file} is not a file`, {
      hint: 'name a file that is here',
    })
  const format = formatOf(call, file)
  const known = call.flag('backfill') ? 'then' : 'now'
  const digest = await contentDigest(path).catch(unread)
  // By content: sent again after a lost answer, it is taken once.
  const key = `${known}.${digest}`
  const body = await openAsBlob(path)
  const sending = connect(call).append(name, body, { format, known, key })
  const answer = await waiting(call, `${name} takes ${file}`, sending)
  const { screen } = call
  if (screen.json) screen.object({ source: name, ...answer })
  else {
    const done = answer.again ? 'were appended before; nothing has changed' : 'appended'
    screen.data(`${countOf(answer.rows, 'row')} ${done}.`)
    if (!answer.again) screen.say('Next: muster plan')
  }
  return exitCodes.done
}

const endings: Readonly<Record<string, AppendWords['format']>> = {
  '.parquet': 'parquet',
  '.pq': 'parquet',
  '.csv': 'csv',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
}

function formatOf(call: Call, file: string): AppendWords['format'] {
  const said = call.text('format') ?? endings[extname(file).toLowerCase()]
  const format = rowsFormats.find(known => known === said)
  if (format) return format
  throw new MusterError('E_USAGE', `\`${printable(said ?? file)}\` is none of the formats`, {
    field: 'format',
    hint: `say --format ${rowsFormats.join(', --format ')}`,
  })
}

async function contentDigest(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
