import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { fleetJsonSchema } from '../../spec/index.ts'
import type { Act } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'

export const act: Act = async call => {
  const out = call.text('out')
  const schema = fleetJsonSchema()
  if (out === undefined) {
    call.screen.data(call.screen.json ? JSON.stringify(schema) : JSON.stringify(schema, null, 2))
    return exitCodes.done
  }
  const path = resolve(call.terminal.cwd, out)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, `${JSON.stringify(schema, null, 2)}\n`)
  if (call.screen.json) call.screen.object({ file: out })
  else
    call.screen.say(`${out} written. On top of muster.yaml: # yaml-language-server: $schema=${out}`)
  return exitCodes.done
}
