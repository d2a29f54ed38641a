import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const peersFolder = fileURLToPath(new URL('.', import.meta.url))

/** An installation that takes longer has died, and its lock with it. */
const lockLifeMs = 600_000
const waitMs = 500

export type PeerPython = { readonly python: string } | { readonly missing: string }

/**
 * The Python that holds the peers: a virtual environment beside this file, outside the product,
 * made at the first call; a second process that asks meanwhile waits for it. Gives its path, or the
 * reason why it cannot be had on this machine.
 */
export function peerPython(): PeerPython {
  return pythonOf(peersFolder)
}

/** Feast, with its hundred dependencies, has an environment of its own. */
export function feastPython(): PeerPython {
  return pythonOf(`${peersFolder}feast/`)
}

/** Exporters of ONNX files, with the frameworks that they are of. */
export function exporterPython(): PeerPython {
  return pythonOf(`${peersFolder}exporters/`)
}

/** Clients of the Open Inference Protocol: tritonclient and KServe's. */
export function clientsPython(): PeerPython {
  return pythonOf(`${peersFolder}clients/`)
}

/** MLServer, and with it FastAPI and scikit-learn. */
export function mlserverPython(): PeerPython {
  return pythonOf(`${peersFolder}mlserver/`)
}

/** The environment of a folder that has a requirements.txt. */
function pythonOf(folder: string): PeerPython {
  const lock = `${folder}.venv.lock`
  for (;;) {
    const found = installed(folder)
    if (found) return found
    try {
      mkdirSync(lock)
    } catch {
      const madeMs = statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()
      if (Date.now() - madeMs > lockLifeMs) rmSync(lock, { recursive: true, force: true })
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, waitMs)
      continue
    }
    try {
      return installed(folder) ?? install(folder)
    } finally {
      rmSync(lock, { recursive: true, force: true })
    }
  }
}

function wanted(folder: string): string {
  return readFileSync(`${folder}requirements.txt`, 'utf8')
}

function installed(folder: string): PeerPython | undefined {
  const stamp = `${folder}.venv/.installed`
  const done = existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted(folder)
  return done ? { python: `${folder}.venv/bin/python` } : undefined
}

function install(folder: string): PeerPython {
  const venv = `${folder}.venv`
  const python = `${venv}/bin/python`
  if (spawnSync('python3', ['-c', 'import venv, ensurepip']).status !== 0) {
    return { missing: 'python3 with venv is not installed' }
  }
  rmSync(venv, { recursive: true, force: true })
  execFileSync('python3', ['-m', 'venv', venv])
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check']
  const done = spawnSync(python, [...pip, '-r', `${folder}requirements.txt`], { encoding: 'utf8' })
  if (done.status !== 0) {
    return { missing: `the Python peers cannot be installed: ${done.stderr.split('\n').at(-2)}` }
  }
  writeFileSync(`${venv}/.installed`, wanted(folder))
  return { python }
}

/** Runs a peer's script in this folder and gives the JSON of its last line. */
export function runPeer<T>(python: string, script: string, ...args: readonly string[]): T {
  const out = execFileSync(python, [`${peersFolder}${script}`, ...args], {
    encoding: 'utf8',
    env: { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' },
    maxBuffer: 64 * 1024 * 1024,
  })
  return JSON.parse(out.trimEnd().split('\n').at(-1)!) as T
}
