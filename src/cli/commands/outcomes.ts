import { MusterError } from '../../base/errors.ts'
import { countOf, formatCount, formatNumber } from '../../base/format.ts'
import { type OutcomesAsk, outcomesMax } from '../../contract/index.ts'
import { answersOf } from '../answers.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { pagesOf } from '../pages.ts'
import { readHere } from '../read-here.ts'
import type { Column } from '../table.ts'
import { printable, timeWords } from '../text.ts'
import { waiting } from '../waiting.ts'

export const act: Act = async call => {
  const [file] = call.args
  if (file !== undefined) return send(call, file)
  return call.flag('errors') ? showErrors(call) : list(call)
}

const columns: readonly Column[] = [
  { head: 'predicted at' },
  { head: 'receipt' },
  { head: 'row', align: 'right' },
  { head: 'model', elastic: true },
  { head: 'predicted', align: 'right' },
  { head: 'turned out', align: 'right' },
  { head: 'error', align: 'right' },
]

async function list(call: Call): Promise<number> {
  const { screen } = call
  const client = connect(call)
  const asked = answersOf(call)
  const forPeople = screen.width !== undefined
  const number = (value: number | null) =>
    value === null ? '' : forPeople ? formatNumber(value) : String(value)
  let [shown, more] = [0, false]
  const ask = (page: object) => client.outcomes({ ...asked, ...page })
  for await (const page of pagesOf(call, 'the outcomes', ask)) {
    if (screen.json) for (const row of page.items) screen.object(row)
    else {
      const rows = page.items.map(row => [
        forPeople ? timeWords(row.at) : row.at,
        row.receipt,
        String(row.row),
        printable(row.model ?? 'not kept any more'),
        number(row.predicted),
        `${number(row.value)}${row.corrected ? ' (corrected)' : ''}`,
        number(row.error),
      ])
      screen.table(columns, rows)
    }
    shown += page.items.length
    more = page.nextCursor !== null
  }
  if (shown === 0) screen.say('Nobody has said yet what turned out. Say it: muster outcomes FILE')
  else if (more) screen.say(`The newest ${formatCount(shown)}; more with --limit.`)
  return exitCodes.done
}

const errorColumns: readonly Column[] = [
  { head: 'model', elastic: true },
  { head: 'outcomes', align: 'right' },
  { head: 'MAE', align: 'right' },
  { head: 'bias', align: 'right' },
  { head: 'RMSE', align: 'right' },
]

async function showErrors(call: Call): Promise<number> {
  const { screen } = call
  const { outcomes, models } = await waiting(
    call,
    'the errors',
    connect(call).outcomeErrors(answersOf(call)),
  )
  const forPeople = screen.width !== undefined
  const number = (value: number) => (forPeople ? formatNumber(value) : String(value))
  if (screen.json) for (const model of models) screen.object(model)
  else {
    const rows = models.map(m => [
      printable(m.model),
      forPeople ? formatCount(m.outcomes) : String(m.outcomes),
      number(m.meanAbsoluteError),
      number(m.bias),
      number(m.rootMeanSquaredError),
    ])
    screen.table(errorColumns, rows)
    screen.say(`${countOf(outcomes, 'outcome')} of ${countOf(models.length, 'model')}.`)
  }
  return exitCodes.done
}

async function send(call: Call, file: string): Promise<number> {
  const { screen } = call
  const outcomes = await readLines(call, file)
  const client = connect(call)
  let [taken, refused] = [0, 0]
  for (let at = 0; at < outcomes.length; at += outcomesMax) {
    const some = outcomes.slice(at, at + outcomesMax)
    const answer = await waiting(call, 'sending', client.takeOutcomes({ outcomes: some }))
    taken += answer.taken
    refused += answer.refused
    for (const [i, item] of answer.items.entries()) {
      const line = at + i + 1
      if (screen.json) screen.object({ line, ...item })
      else if (item.status !== 200) {
        screen.data(`line ${line}: ${item.status} ${item.state}: ${printable(item.because ?? '')}`)
      }
    }
  }
  if (!screen.json)
    screen.say(`${countOf(taken, 'outcome')} taken, ${formatCount(refused)} refused.`)
  return refused > 0 ? exitCodes.failed : exitCodes.done
}

async function readLines(call: Call, shown: string): Promise<OutcomesAsk['outcomes']> {
  const text = (await readHere(call, shown, 'file')).toString('utf8')
  return text
    .split('\n')
    .map((line, at) => [line.trim(), at + 1] as const)
    .filter(([line]) => line !== '')
    .map(([line, number]) => {
      try {
        return JSON.parse(line) as OutcomesAsk['outcomes'][number]
      } catch {
        throw new MusterError('E_USAGE', `line ${number} of ${printable(shown)} is not JSON`, {
          field: 'file',
          hint: 'write one object a line: {"receipt": "01KB...", "value": 12.5}',
        })
      }
    })
}
