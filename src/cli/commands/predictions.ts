import { countOf, formatCount, formatNumber } from '../../base/format.ts'
import type { PredictionDetail, PredictionView } from '../../contract/index.ts'
import { answersOf } from '../answers.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { pagesOf } from '../pages.ts'
import type { Column } from '../table.ts'
import { erasedWords, pad, printable, shortDigestText, timeWords } from '../text.ts'
import { waiting } from '../waiting.ts'

const columns: readonly Column[] = [
  { head: 'answered' },
  { head: 'receipt' },
  { head: 'row', align: 'right' },
  { head: 'model', elastic: true },
  { head: 'by', elastic: true },
  { head: 'version', align: 'right' },
  { head: 'answer', align: 'right' },
  { head: 'ms', align: 'right' },
]

export const act: Act = async call => {
  const receipt = call.text('receipt')
  return receipt === undefined ? list(call) : show(call, receipt)
}

async function list(call: Call): Promise<number> {
  const { screen } = call
  const client = connect(call)
  const asked = answersOf(call)
  const unreadable = new Map<string, number>()
  let [shown, more] = [0, false]
  const ask = (page: object) => client.predictions({ ...asked, ...page })
  for await (const page of pagesOf(call, 'the predictions', ask)) {
    if (screen.json) for (const row of page.items) screen.object(row)
    else
      screen.table(
        columns,
        page.items.map(row => cells(row, screen.width !== undefined)),
      )
    shown += page.items.length
    more = page.nextCursor !== null
    for (const { digest, rows } of page.unreadable) unreadable.set(digest, rows)
  }
  if (shown === 0) screen.say('Nothing was answered, of that model and in that time.')
  else if (more) screen.say(`The newest ${formatCount(shown)}; more with --limit.`)
  if (unreadable.size > 0) {
    const rows = [...unreadable.values()].reduce((sum, each) => sum + each, 0)
    screen.say(
      `${countOf(unreadable.size, 'file')} of that time cannot be read: ` +
        `${countOf(rows, 'row')} are not shown. See: muster doctor`,
    )
  }
  return exitCodes.done
}

function cells(row: PredictionView, forPeople: boolean): string[] {
  const { at, receipt, model, value, version, latencyMs } = row
  return [
    forPeople ? timeWords(at) : at,
    receipt,
    String(row.row),
    printable(model),
    byWords(row),
    String(version),
    value === null ? 'tensors' : forPeople ? formatNumber(value) : String(value),
    forPeople ? formatNumber(latencyMs) : String(latencyMs),
  ]
}

function byWords({ how, answeredBy }: PredictionView): string {
  if (how === 'itself' || how === 'rule') return how
  return how === 'ancestor' ? printable(answeredBy) : how
}

async function show(call: Call, receipt: string): Promise<number> {
  const { screen } = call
  const found = await waiting(call, 'the prediction', connect(call).prediction(receipt))
  if (screen.json) screen.object(found)
  else {
    for (const line of lines(found)) screen.data(line)
    if (found.erasedRows > 0) screen.say(erasedWords(found.erasedRows))
    screen.say(`Compute it again: muster replay ${printable(receipt)}`)
  }
  return exitCodes.done
}

/** Rows of one request that are shown to people. */
const rowsShown = 20

function lines({ receipt, rows, lineage, outcomes }: PredictionDetail): string[] {
  const [first] = rows
  if (first === undefined) return []
  const facts = [...answerFacts(first), ...lineageFacts(lineage)]
  const said = facts.filter(([, text]) => text !== '')
  const width = Math.max(...said.map(([name]) => name.length))
  return [
    `prediction ${receipt}`,
    ...said.map(([name, text]) => `  ${pad(name, width)}  ${printable(text)}`),
    ...rows.slice(0, rowsShown).flatMap(row => rowLines(row, outcomes, rows.length > 1)),
    ...(rows.length > rowsShown ? ['', `  ${rows.length - rowsShown} more rows: --json`] : []),
  ]
}

type Facts = readonly (readonly [name: string, text: string])[]

function answerFacts(first: PredictionView): Facts {
  const { at, latencyMs, generation, environment, caller, tenant, requestId, cachedFrom } = first
  const sender = [caller, tenant && `tenant ${tenant}`, requestId && `request ${requestId}`]
  const ms = formatNumber(latencyMs)
  return [
    ['model', first.model],
    ['answered by', howWords(first)],
    // What was imported has no routes.
    [
      'at',
      `${at}, in ${ms} ms${generation > 0 ? `, by routes ${generation} of ${environment}` : ''}`,
    ],
    ['asked by', sender.filter(Boolean).join(', ')],
    ['given before', cachedFrom ?? ''],
  ]
}

function lineageFacts(lineage: PredictionDetail['lineage']): Facts {
  if (lineage === null) return []
  const { versionDigest, view, viewDigest, snapshots, pipeline, code, plan, run } = lineage
  const trained = `trained ${timeWords(lineage.trainedAt)} by ${run} of ${plan}`
  const sources = Object.entries(snapshots).map(([name, of]) => `${name} ${shortDigestText(of)}`)
  return [
    ['version', `${shortDigestText(versionDigest)}, ${trained}`],
    ['view', `${view} ${shortDigestText(viewDigest)}`],
    ['snapshots', sources.join(', ')],
    ['made by', `${pipeline}, muster ${code}`],
  ]
}

function howWords({ how, answeredBy, version }: PredictionView): string {
  if (how === 'rule') return 'the declared rule'
  const by = `${answeredBy} version ${version}`
  return how === 'itself' ? by : how === 'ancestor' ? `${by}, an ancestor` : `${by}, ${how}`
}

function rowLines(
  row: PredictionView,
  outcomes: PredictionDetail['outcomes'],
  isNumbered: boolean,
): string[] {
  const inputs = Object.entries(row.inputs)
  const width = Math.max(row.output.length, 'turned out'.length, ...inputs.map(([n]) => n.length))
  const outcome = outcomes.find(each => each.row === row.row)
  const line = (name: string, text: string) => `  ${pad(printable(name), width)}  ${text}`
  return [
    '',
    ...(isNumbered ? [`  row ${row.row}`] : []),
    ...inputs.map(([name, value]) => {
      const text = value === null ? 'missing' : printable(String(value))
      const looked = row.lookedUp[name]
      return line(name, looked === undefined ? text : `${text}  (looked up, of ${looked})`)
    }),
    line(row.output, row.value === null ? 'tensors: --json' : String(row.value)),
    ...(outcome === undefined
      ? []
      : [line('turned out', `${outcome.value}${outcome.corrected ? ', corrected' : ''}`)]),
  ]
}
