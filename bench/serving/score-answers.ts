import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { tableFromIPC } from 'apache-arrow'
import { must } from '../../src/base/assert.ts'
import { openWriter } from '../../src/engine/index.ts'

/*
 * Compares what `muster score` wrote with what a running server answers over HTTP: the rows of a
 * span, their features from POST /api/v1/features/frame, each asked of its model by the Open
 * Inference Protocol. Equal means equal to the last bit, with the same model and version.
 *
 *   node bench/serving/score-answers.ts --server URL --view VIEW --scored FILE.parquet
 *     --from 2001-05-01T00:00:00Z --to 2001-05-02T00:00:00Z
 */

const text = { type: 'string' } as const
const { values } = parseArgs({
  options: { server: text, view: text, scored: text, from: text, to: text },
})
const { server = 'http://127.0.0.1:7077', view = '', scored = '', from = '', to = '' } = values

interface Row {
  readonly ms: number
  readonly model: string
  readonly by: string | null
  readonly version: number | null
  readonly prediction: number | null
}

async function post(path: string, body: unknown): Promise<Response> {
  const response = await fetch(`${server}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`)
  return response
}

async function scoredRows(): Promise<readonly Row[]> {
  const scratch = await mkdtemp(join(tmpdir(), 'muster-bench-'))
  try {
    await using reader = await openWriter({ allowedPaths: [scored], scratch })
    return await reader.rows<Row>(
      `select epoch_ms(event_time)::double as ms, model, answered_by as by, version, prediction
       from read_parquet('${scored}')
       where event_time >= '${from.replace('Z', '')}' and event_time < '${to.replace('Z', '')}'`,
    )
  } finally {
    await rm(scratch, { recursive: true })
  }
}

const frame = tableFromIPC(
  new Uint8Array(
    await (await post('/api/v1/features/frame', { view, span: { from, to } })).arrayBuffer(),
  ),
)
const rows = await scoredRows()
if (frame.numRows !== rows.length) {
  throw new Error(`the frame has ${frame.numRows} rows, the score ${rows.length}`)
}
const metadata = (await (await fetch(`${server}/v2/models/${rows[0]!.model}`)).json()) as {
  inputs: readonly { name: string; datatype: string }[]
}
const columns = metadata.inputs.map(({ name, datatype }) => {
  const column = must(frame.getChild(name), `the frame has ${name}`)
  return { name, datatype, values: column.toArray() as Float32Array }
})
let [equal, different] = [0, 0]
for (const [model, members] of Map.groupBy(rows.keys(), i => rows[i]!.model)) {
  const inputs = columns.map(({ name, datatype, values }) => ({
    name,
    datatype,
    shape: [members.length, 1],
    data: members.map(i => (Number.isNaN(values[i]!) ? null : values[i]!)),
  }))
  const answer = (await (await post(`/v2/models/${model}/infer`, { inputs })).json()) as {
    model_version: string
    outputs: readonly { data: readonly number[] }[]
    parameters: { answered_by: string }
  }
  for (const [k, i] of members.entries()) {
    const row = rows[i]!
    const same =
      row.prediction === Math.fround(answer.outputs[0]!.data[k]!) &&
      row.by === answer.parameters.answered_by &&
      row.version === Number(answer.model_version)
    if (same) equal += 1
    else if (different++ < 5) console.log('differs:', row, answer.outputs[0]!.data[k], answer)
  }
}
console.log(JSON.stringify({ rows: rows.length, equal, different }))
process.exitCode = different > 0 ? 1 : 0
