import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/*
 * How a runner is shut in: no network (unshare), no rights and no way to new ones, another user
 * where we may be one, and an end with its parent even while it is stuck in native code (setpriv of
 * util-linux). Each control is tried once, at start; one that this machine does not allow is left
 * out, and said.
 */

const run = promisify(execFile)

export interface Sandbox {
  /** What stands before the command of the runner. */
  readonly before: readonly string[]
  /** Controls that are not had here, for a warning. */
  readonly missing: readonly string[]
}

/** `nobody` on every Linux. */
const nobody = '65534'

export interface Readable {
  readonly node: string
  readonly entry: string
}

export async function trySandbox({ node, entry }: Readable): Promise<Sandbox> {
  if (process.platform !== 'linux') {
    return { before: [], missing: ['user, network and rights of its own (Linux only)'] }
  }
  const missing: string[] = []
  const before: string[] = []
  const isRoot = process.getuid?.() === 0
  const take = async (control: readonly string[], what: string, probe: readonly string[]) => {
    const [command, ...rest] = [...before, ...control, ...probe]
    try {
      await run(command!, rest, { timeout: 5_000 })
      before.push(...control)
    } catch {
      missing.push(what)
    }
  }
  const network = isRoot ? ['unshare', '--net'] : ['unshare', '--net', '--map-current-user']
  await take(network, 'a network of its own', ['true'])
  await take(['setpriv', '--no-new-privs', '--pdeathsig', 'KILL'], 'an end with its parent', [
    'true',
  ])
  if (isRoot) {
    const user = ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups']
    const rights = ['--inh-caps=-all', '--bounding-set=-all', '--pdeathsig', 'KILL']
    // As that user, the program and the code must still be readable.
    await take([...user, ...rights], 'a user of its own', ['test', '-r', entry, '-a', '-x', node])
  }
  return { before, missing }
}
