import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('.', import.meta.url))
const venv = `${folder}.venv`
const stampFile = `${venv}/.installed`

/**
 * The Python that holds the peers: a virtual environment beside this file, outside the product,
 * made at the first call. Gives its path, or the reason why it cannot be had on this machine.
 */
export function peerPython(): { readonly python: string } | { readonly missing: string } {
  const wanted = readFileSync(`${folder}requirements.txt`, 'utf8')
  const python = `${venv}/bin/python`
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted) return { python }
  if (spawnSync('python3', ['-c', 'import venv, ensurepip']).status !== 0) {
    return { missing: 'python3 with venv is not installed' }
  }
  rmSync(venv, { recursive: true, force: true })
  execFileSync('python3', ['-m', 'venv', venv])
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
  const installed = spawnSync(python, [...pip, '-r', `${folder}requirements.txt`], {
    encoding: 'utf8',
  })
  if (installed.status !== 0) {
    return {
      missing: `the Python peers cannot be installed: ${installed.stderr.split('\n').at(-2)}`,
    }
  }
  writeFileSync(stampFile, wanted)
  return { python }
}

/** Runs a peer's script in this folder and gives the JSON of its last line. */
export function runPeer<T>(python: string, script: string, ...args: readonly string[]): T {
  const out = execFileSync(python, [`${folder}${script}`, ...args], {
    encoding: 'utf8',
    env: { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' },
    maxBuffer: 64 * 1024 * 1024,
  })
  return JSON.parse(out.trimEnd().split('\n').at(-1)!) as T
}
