import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { MusterError } from '../../base/errors.ts'
import type { Act } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { bytesWords, shortDigestText } from '../text.ts'

export const act: Act = async call => {
  const [name = '', file = ''] = call.args
  const exported = await connect(call).exportModel(name)
  const path = resolve(call.terminal.cwd, file)
  try {
    await writeFile(path, exported.bytes, { flag: call.flag('force') ? 'w' : 'wx' })
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === 'EEXIST') {
      throw new MusterError('E_USAGE', `${file} exists already`, { hint: 'overwrite it: --force' })
    }
    if (code === 'EISDIR') {
      throw new MusterError('E_USAGE', `${file} is a folder, not a file`, {
        hint: `write ${file.replace(/\/+$/, '')}/${name}.onnx`,
      })
    }
    if (code === 'ENOENT') {
      throw new MusterError('E_USAGE', `the folder of ${file} does not exist`, {
        hint: 'make it first',
      })
    }
    throw error
  }
  const { version, versionDigest: digest, bytes } = exported
  if (call.screen.json) call.screen.object({ name, version, digest, file, bytes: bytes.length })
  else {
    const size = bytesWords(bytes.length)
    call.screen.say(`${name} v${version} (${shortDigestText(digest)}) written to ${file}, ${size}`)
  }
  return exitCodes.done
}
