import { digestOf } from '../../base/digest.ts'
import { MusterError } from '../../base/errors.ts'
import { countOf, formatCount } from '../../base/format.ts'
import { type ImportAnswer, importQuery } from '../../contract/index.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { readHere } from '../read-here.ts'
import { printable } from '../text.ts'
import { waiting } from '../waiting.ts'

export const act: Act = async call => {
  const { screen, args } = call
  const [file = ''] = args
  const bytes = await readHere(call, file)
  const smokeFile = call.text('smoke')
  const smoke = smokeFile === undefined ? undefined : await readHere(call, smokeFile)
  const asked = importQuery.safeParse({
    as: call.text('as') ?? '',
    tier: call.text('tier'),
    purpose: call.text('purpose'),
    digest: digestOf(bytes),
  })
  if (!asked.success) {
    const field = String(asked.error.issues[0]?.path[0] ?? 'as')
    throw new MusterError('E_USAGE', `--${field} is not of the expected form`, {
      field,
      hint: 'say --as NAME (letters, digits, - and _), --tier pinned, preloaded or on-demand',
    })
  }
  const sending = connect(call).importModel(bytes, asked.data, smoke)
  const answer = await waiting(call, `${asked.data.as} is checked and tried`, sending)
  if (screen.json) screen.object(answer)
  else tell(call, answer)
  return exitCodes.done
}

function tell({ screen }: Call, answer: ImportAnswer): void {
  const { name, version, newest, again, sizeBytes, probation, leftOut } = answer
  const what = again ? 'had these bytes before' : `${formatCount(sizeBytes)} bytes`
  const does = newest === version ? 'serves' : `is there, and version ${newest} answers`
  screen.data(`${name} version ${version} ${does} (${what}).`)
  for (const [word, tensors] of [
    ['input', answer.inputs],
    ['output', answer.outputs],
  ] as const) {
    for (const { name: tensor, datatype, shape } of tensors) {
      const shown = shape === null ? 'any shape' : `[${shape.join(', ')}]`
      screen.data(`  ${word.padEnd(6)}  ${printable(tensor)}  ${datatype}  ${shown}`)
    }
  }
  for (const { name: output, is } of leftOut) {
    screen.say(`Not served: output ${printable(output)}, which is ${is}.`)
  }
  if (probation) {
    const { runs, firstMs, slowestMs } = probation
    const took =
      runs > 1 ? `first ${firstMs} ms, the slowest after it ${slowestMs}` : `${firstMs} ms`
    screen.say(`Tried on ${countOf(runs, 'call')}: ${took}, its process and loading included.`)
  }
  screen.say(`Call it: POST /v2/models/${name}/infer`)
}
