import { MusterError } from '../../base/errors.ts'
import type { Act } from '../command.ts'
import { completions } from '../completions.ts'
import { exitCodes } from '../exit-codes.ts'

export const act: Act = async call => {
  const shell = call.args[0] ?? ''
  const script = Object.hasOwn(completions, shell) ? completions[shell] : undefined
  if (!script) {
    throw new MusterError('E_USAGE', `there is no completion for \`${shell}\``, {
      hint: `use one of ${Object.keys(completions).join(', ')}`,
    })
  }
  if (call.screen.json) call.screen.object({ shell, script: script() })
  else call.screen.raw(script())
  return exitCodes.done
}
