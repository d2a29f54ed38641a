import { z } from 'zod'
import { MusterError } from '../../base/errors.ts'
import { aboutDuration, countOf, formatNumber } from '../../base/format.ts'
import type { ControlClient } from '../../contract/index.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { inputFacts, type Row, readPairs, tensors } from '../predict-inputs.ts'
import { formOf, type GivenTensors, nested, tensorsGiven } from '../predict-tensors.ts'
import { printable } from '../text.ts'

/* A prediction over the Open Inference Protocol v2. */

const metadata = z.object({
  inputs: z.array(inputFacts),
  outputs: z.array(
    z.object({
      name: z.string(),
      parameters: z.object({ unit: z.string().optional() }).optional(),
    }),
  ),
  parameters: z.object({ imported: z.boolean().optional() }).optional(),
})
type Metadata = z.infer<typeof metadata>

const answer = z.object({
  model_name: z.string(),
  model_version: z.string().optional(),
  parameters: z.object({
    receipt: z.string(),
    answered_by: z.string(),
    because: z.string().optional(),
    features_computed: z.number().optional(),
    features_looked_up: z.number().optional(),
    features_missing: z.number().optional(),
    missing_features: z.array(z.string()).optional(),
    oldest_feature_ms: z.number().optional(),
    out_of_range: z.array(z.string()).optional(),
  }),
  outputs: z.array(z.object({ name: z.string(), data: z.array(z.number()) })).min(1),
})

const tensorAnswer = answer.extend({
  outputs: z.array(
    z.object({
      name: z.string(),
      datatype: z.string(),
      shape: z.array(z.number()),
      data: z.array(z.union([z.number(), z.string(), z.boolean()])),
    }),
  ),
})
type TensorAnswer = z.infer<typeof tensorAnswer>

export const act: Act = async call => {
  const name = call.args[0] ?? ''
  const pairs = call.texts('input')
  const typed = pairs.length > 0 ? readPairs(pairs) : undefined
  const read = typed === undefined ? await readJson(call) : undefined
  const client = connect(call)
  const path = `/v2/models/${encodeURIComponent(name)}`
  const facts = await ask(client, 'GET', path, metadata)
  if (facts.parameters?.imported) {
    for (const body of typed ? [bodyOf(facts, typed)] : tensorBodies(facts, read)) {
      showTensors(call, await ask(client, 'POST', `${path}/infer`, tensorAnswer, body))
    }
    return exitCodes.done
  }
  const body = isBody(read)
    ? read
    : { inputs: tensors(facts.inputs, typed ? [typed] : rowsOf(read)) }
  show(call, await ask(client, 'POST', `${path}/infer`, answer, body), facts)
  return exitCodes.done
}

/** What stands on standard input may be the body of a call as the protocol has it. */
function isBody(read: unknown): read is object {
  if (typeof read !== 'object' || read === null || !('inputs' in read)) return false
  const { inputs } = read
  return Array.isArray(inputs) && inputs.every(each => typeof each?.datatype === 'string')
}

function bodyOf({ inputs }: Metadata, given: GivenTensors): object {
  return { inputs: tensorsGiven(inputs, given) }
}

/** A call for each: what a model's rows are is for the model to know. */
function tensorBodies(facts: Metadata, read: unknown): readonly object[] {
  return (Array.isArray(read) ? read : [read ?? {}]).map(each => {
    if (isBody(each)) return each
    const values = z.record(z.string(), z.unknown()).safeParse(each)
    if (values.success) return bodyOf(facts, { values: values.data, typed: false })
    throw new MusterError('E_USAGE', 'standard input is not an object of input: value', { hint })
  })
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

/** Standard input that is longer is no handful of rows; the protocol takes 4,096 rows a call. */
const stdinMaxBytes = 16_000_000
const rowForm = z.record(z.string(), z.union([z.number(), z.string(), z.boolean(), z.null()]))
const rowsForm = z.union([rowForm.transform(row => [row]), z.array(rowForm).min(1)])
const hint = 'give --input name=value ..., or a JSON object of name: value on standard input'

/** What stands on standard input; undefined where nobody sends anything. */
async function readJson(call: Call): Promise<unknown> {
  if (call.terminal.stdinIsTTY) return undefined
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of call.terminal.stdin) {
    chunks.push(Buffer.from(chunk as Uint8Array))
    bytes += chunks.at(-1)?.length ?? 0
    if (bytes > stdinMaxBytes) throw new MusterError('E_TOO_LARGE', 'too many rows', { hint })
  }
  const text = Buffer.concat(chunks).toString('utf8').trim()
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    throw new MusterError('E_USAGE', 'standard input is not JSON', { hint })
  }
}

/** Of nothing, one row of which the name says all: what a view looks up needs no more. */
function rowsOf(read: unknown): Row[] {
  if (read === undefined) return [{ values: {}, typed: false }]
  const rows = rowsForm.safeParse(read)
  if (rows.success) return rows.data.map(values => ({ values, typed: false }))
  throw new MusterError('E_USAGE', 'standard input is not an object of feature: value', { hint })
}

/** Values of an output that are shown to people. */
const valuesShown = 20

/** A line an output; in a pipe its name and its values as JSON. */
function showTensors({ screen }: Call, said: TensorAnswer): void {
  const { receipt, answered_by: answeredBy, because } = said.parameters
  const { model_name: model, model_version: version } = said
  if (screen.json) {
    const outputs = Object.fromEntries(
      said.outputs.map(({ name, shape, data }) => [name, nested(shape, data)]),
    )
    screen.object({ model, version, answeredBy, because, receipt, outputs })
    return
  }
  const forPeople = screen.width !== undefined
  for (const output of said.outputs) {
    const { name, shape, data } = output
    const isCut = forPeople && data.length > valuesShown
    const values = isCut
      ? `${JSON.stringify(data.slice(0, valuesShown)).slice(0, -1)}, ...] all: --json`
      : JSON.stringify(nested(shape, data))
    const words = forPeople ? ` ${formOf(output)} ` : '\t'
    screen.data(`${printable(name)}${words}${printable(values)}`)
  }
  screen.say(`${answeredBy} v${version} answered · receipt ${receipt}`)
  if (because) screen.say(`because ${printable(because)}`)
}

function show({ screen }: Call, said: z.infer<typeof answer>, facts: Metadata): void {
  const { receipt, answered_by: answeredBy, because } = said.parameters
  const {
    features_looked_up: featuresLookedUp,
    features_missing: featuresMissing,
    missing_features: missingFeatures,
    oldest_feature_ms: oldestFeatureMs,
    out_of_range: outOfRange,
  } = said.parameters
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
        featuresLookedUp,
        featuresMissing,
        missingFeatures,
        oldestFeatureMs,
        outOfRange,
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
  const from = featuresFrom(said.parameters)
  if (from) screen.say(from)
  if (featuresMissing) {
    const names = printable(missingFeatures?.join(', ') ?? '')
    screen.say(`${countOf(featuresMissing, 'feature')} missing online: ${names}`)
  }
  if (outOfRange?.length) screen.say(`unlike training: ${printable(outOfRange.join(', '))}`)
}

/** `5 features looked up, the oldest 12 seconds old; 2 computed`. */
function featuresFrom(said: z.infer<typeof answer>['parameters']): string {
  const { features_computed: computed = 0, features_looked_up: lookedUp = 0 } = said
  const { oldest_feature_ms: oldestMs } = said
  const age = oldestMs === undefined ? '' : `, the oldest ${aboutDuration(oldestMs / 1_000)} old`
  const parts = [
    lookedUp > 0 ? `${countOf(lookedUp, 'feature')} looked up${age}` : '',
    computed > 0 ? `${countOf(computed, 'feature')} computed` : '',
  ]
  return parts.filter(Boolean).join('; ')
}
