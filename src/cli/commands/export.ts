import { stat, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { MusterError } from '../../base/errors.ts'
import { bytesWords } from '../../base/format.ts'
import type { Act } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { shortDigestText } from '../text.ts'

export const act: Act = async call => {
  const [name = '', file = ''] = call.args
  const exported = await connect(call).exportModel(name)
  const path = resolve(call.terminal.cwd, file)
  await refuseUnwritable(path, file, name, call.flag('force'))
  await writeFile(path, exported.bytes, { flag: call.flag('force') ? 'w' : 'wx' })
  const { version, versionDigest: digest, bytes } = exported
  if (call.screen.json) call.screen.object({ name, version, digest, file, bytes: bytes.length })
  else {
    const size = bytesWords(bytes.length)
    call.screen.say(`${name} v${version} (${shortDigestText(digest)}) written to ${file}, ${size}`)
  }
  return exitCodes.done
}

/** The usual slips in words; whatever else the disk refuses is said by its own error. */
async function refuseUnwritable(
  path: string,
  file: string,
  name: string,
  force: boolean,
): Promise<void> {
  const found = await stat(path).catch(() => undefined)
  if (found?.isDirectory()) {
    throw new MusterError('E_USAGE', `${file} is a folder, not a file`, {
      hint: `write ${file.replace(/\/+$/, '')}/${name}.onnx`,
    })
  }
  if (found && !force) {
    throw new MusterError('E_USAGE', `${file} exists already`, { hint: 'overwrite it: --force' })
  }
  if (!(await stat(dirname(path)).catch(() => undefined))) {
    throw new MusterError('E_USAGE', `the folder of ${file} does not exist`, {
      hint: 'make it first',
    })
  }
}
