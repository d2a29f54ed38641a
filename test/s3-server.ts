import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/*
 * A server that speaks S3 over HTTP, from a package registry: moto's, which keeps objects in
 * memory. It lies in a virtual environment of Python in the machine's folder for temporary files,
 * made at the first call, in some twenty seconds.
 */

const packages = ['moto[s3]==5.2.5', 'flask==3.1.3', 'flask-cors==6.0.5']
const folder = join(tmpdir(), 'muster-test-moto-5.2.5')

export interface S3Server extends AsyncDisposable {
  /** `127.0.0.1:5000` */
  readonly host: string
}

/** Why there is no such server on this machine; undefined when it is installed. */
export function whyWithoutS3(): string | undefined {
  if (existsSync(folder)) return undefined
  if (spawnSync('python3', ['-c', 'import venv, ensurepip']).status !== 0) {
    return 'python3 with venv is not installed'
  }
  // Made beside and moved: a process that dies half-way leaves nothing that looks whole.
  const draft = `${folder}.${process.pid}`
  execFileSync('python3', ['-m', 'venv', draft])
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages]
  const done = spawnSync(`${draft}/bin/python`, pip, { encoding: 'utf8' })
  if (done.status === 0 && !existsSync(folder)) renameSync(draft, folder)
  rmSync(draft, { recursive: true, force: true })
  return done.status === 0
    ? undefined
    : `moto cannot be installed: ${done.stderr.split('\n').at(-2)}`
}

export async function startS3(): Promise<S3Server> {
  const child = spawn(`${folder}/bin/python`, ['-m', 'moto.server', '-H', '127.0.0.1', '-p', '0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()))
  for await (const line of createInterface({ input: child.stderr })) {
    const host = /Running on http:\/\/(\S+)/.exec(line)?.[1]
    if (host === undefined) continue
    child.stderr.resume()
    return {
      host,
      async [Symbol.asyncDispose]() {
        child.kill()
        await ended
      },
    }
  }
  throw new Error('the S3 server did not start')
}
