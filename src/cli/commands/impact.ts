import { MusterError } from '../../base/errors.ts'
import type { Act } from '../command.ts'

export const act: Act = async () => {
  throw new MusterError('E_USAGE', 'this command is not there yet')
}
