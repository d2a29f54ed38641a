import { delimiter, isAbsolute, normalize } from 'node:path'
import { MusterError } from '../base/errors.ts'

/**
 * The folders of MUSTER_DATA_ROOTS: absolute paths, parted as in PATH. A folder need not exist yet,
 * for disks are mounted late: a source that names a file in it then says so. Throws E_USAGE for a
 * path that would depend on where Muster is started.
 */
export function readDataRoots(text: string | undefined): readonly string[] {
  const roots = (text ?? '').split(delimiter).filter(root => root !== '')
  const odd = roots.find(root => !isAbsolute(root))
  if (odd === undefined) return roots.map(normalize)
  throw new MusterError('E_USAGE', `\`${odd}\` in MUSTER_DATA_ROOTS is not an absolute path`, {
    field: 'MUSTER_DATA_ROOTS',
    hint: `write absolute paths as in PATH: /data/sales${delimiter}/mnt/flights`,
  })
}
