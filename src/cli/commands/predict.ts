import { z } from 'zod'
import { MusterError } from '../../base/errors.ts'
import { formatNumber } from '../../base/format.ts'
import { nearest } from '../../base/nearest.ts'
import type { ControlClient } from '../../contract/index.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { printable } from '../text.ts'

/* A prediction over the Open Inference Protocol v2: one tensor a feature, one row an object. */

const metadata = z.object({
  inputs: z.array(
    z.object({
      name: z.string(),
      datatype: z.string(),
      parameters: z.object({ may_be_missing: z.boolean().optional() }).optional(),
    }),
  ),
  outputs: z.array(
    z.object({
      name: z.string(),
      parameters: z.object({ unit: z.string().optional() }).optional(),
    }),
  ),
})
type Metadata = z.infer<typeof metadata>

const answer = z.object({
  model_name: z.string(),
  model_version: z.string().optional(),
  parameters: z.object({
    receipt: z.string(),
    answered_by: z.string(),
    because: z.string().optional(),
  }),
  outputs: z.array(z.object({ name: z.string(), data: z.array(z.number()) })).min(1),
})

type Row = Readonly<Record<string, number | null>>

export const act: Act = async call => {
  const name = call.args[0] ?? ''
  const given = call.texts('input')
  const rows = given.length > 0 ? [readPairs(given)] : await readRows(call)
  const client = connect(call)
  const path = `/v2/models/${encodeURIComponent(name)}`
  const facts = await ask(client, 'GET', path, metadata)
  const body = { inputs: tensors(facts, rows) }
  const said = await ask(client, 'POST', `${path}/infer`, answer, body)
  show(call, said, facts)
  return exitCodes.done
}

async function ask<T extends z.ZodType>(
  client: ControlClient,
  method: 'GET' | 'POST',
  path: string,
  schema: T,
  body?: object,
): Promise<z.output<T>> {
  const response = await client.request(method, path, body === undefined ? {} : { body })
  const read = schema.safeParse(await response.json().catch(() => undefined))
  if (read.success) return read.data
  throw new MusterError('E_SERVER_AWAY', `${client.server} does not speak inference protocol v2`, {
    hint: 'name another server: --server URL',
  })
}

function readPairs(pairs: readonly string[]): Row {
  const row: Record<string, number | null> = {}
  for (const pair of pairs) {
    const [, feature, text] = /^([^=]+)=(.*)$/s.exec(pair) ?? []
    const number = text === undefined || text.trim() === '' ? Number.NaN : Number(text)
    if (feature === undefined || !Number.isFinite(number)) {
      throw new MusterError('E_USAGE', `\`${pair}\` is not of the form feature=number`, {
        field: '--input',
        hint: 'write --input hour=17 weekday=5',
      })
    }
    if (Object.hasOwn(row, feature)) {
      throw new MusterError('E_USAGE', `feature \`${feature}\` is given twice`, {
        field: '--input',
      })
    }
    row[feature] = number
  }
  return row
}

/** Standard input that is longer is no handful of rows; the protocol takes 4,096 rows a call. */
const stdinMaxBytes = 16_000_000
const rowForm = z.record(z.string(), z.number().nullable())
const rowsForm = z.union([rowForm.transform(row => [row]), z.array(rowForm).min(1)])

async function readRows(call: Call): Promise<Row[]> {
  const hint = 'give --input feature=number ..., or a JSON object of features on standard input'
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of call.terminal.stdin) {
    chunks.push(Buffer.from(chunk as Uint8Array))
    bytes += chunks.at(-1)?.length ?? 0
    if (bytes > stdinMaxBytes) throw new MusterError('E_TOO_LARGE', 'too many rows', { hint })
  }
  const text = Buffer.concat(chunks).toString('utf8').trim()
  if (text === '') throw new MusterError('E_USAGE', 'there are no inputs', { hint })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new MusterError('E_USAGE', 'standard input is not JSON', { hint })
  }
  const read = rowsForm.safeParse(value)
  if (read.success) return read.data
  throw new MusterError('E_USAGE', 'standard input is not an object of feature: number', { hint })
}

/**
 * Features that may be missing are sent as null when they are left out; others are asked for by
 * name.
 */
function tensors(facts: Metadata, rows: readonly Row[]): object[] {
  const known = new Set(facts.inputs.map(input => input.name))
  for (const feature of rows.flatMap(row => Object.keys(row))) {
    if (known.has(feature)) continue
    const near = nearest(feature, known, 1)[0]
    throw new MusterError('E_TENSOR_UNKNOWN', `the model has no feature \`${feature}\``, {
      field: feature,
      hint: near ? `use \`${near}\`` : `features: ${[...known].join(', ')}`,
    })
  }
  const optional = (input: Metadata['inputs'][number]): boolean =>
    input.parameters?.may_be_missing === true
  const missing = facts.inputs.filter(
    input => !optional(input) && rows.some(row => !Object.hasOwn(row, input.name)),
  )
  if (missing.length > 0) {
    const names = missing.map(input => input.name)
    throw new MusterError('E_TENSOR_MISSING', `the model needs ${names.join(', ')}`, {
      hint: `add --input ${names.map(name => `${name}=...`).join(' ')}`,
    })
  }
  return facts.inputs.map(input => ({
    name: input.name,
    shape: [rows.length, 1],
    datatype: input.datatype,
    data: rows.map(row => row[input.name] ?? null),
  }))
}

function show({ screen }: Call, said: z.infer<typeof answer>, facts: Metadata): void {
  const { receipt, answered_by: answeredBy, because } = said.parameters
  const output = said.outputs[0]
  const unit = facts.outputs[0]?.parameters?.unit
  const version = said.model_version
  if (screen.json) {
    for (const value of output?.data ?? []) {
      screen.object({
        model: said.model_name,
        version,
        answeredBy,
        because,
        receipt,
        unit,
        [output?.name ?? 'value']: value,
      })
    }
    return
  }
  for (const value of output?.data ?? []) {
    const words = `${output?.name} ${formatNumber(value)}${unit ? ` ${printable(unit)}` : ''}`
    screen.data(screen.width === undefined ? String(value) : words)
  }
  const by = answeredBy === said.model_name ? '' : ` for ${said.model_name}`
  screen.say(`${answeredBy}${version ? ` v${version}` : ''} answered${by} · receipt ${receipt}`)
  if (because) screen.say(`because ${printable(because)}`)
}
