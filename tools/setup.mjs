// Brings a fresh clone to where everything runs: installs the packages, our own Node among them.
// Plain JavaScript for any Node from 18 on, because it runs before ours is there. Quick when
// nothing is to be done.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const stampFile = join(root, 'node_modules', '.muster-setup')

/** What is installed depends on these two files and on the machine. */
function wanted() {
  const hash = createHash('sha256')
  for (const file of ['package.json', 'package-lock.json'])
    hash.update(readFileSync(join(root, file)))
  return `${hash.digest('hex')} ${process.platform} ${process.arch}\n`
}

function isDone() {
  return existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted()
}

function say(text) {
  process.stderr.write(`${text}\n`)
}

function install() {
  say('Setting up: installing packages (about 20 s, once) ...')
  const npm = process.env.npm_execpath
  const [command, first] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []]
  const done = spawnSync(command, [...first, 'ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    // The CPU library of ONNX Runtime ships in its package; its script would fetch GPU binaries.
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' },
    shell: process.platform === 'win32',
  })
  if (done.status !== 0) {
    say(
      'The packages could not be installed: see above. Needed: npm 10 or newer, and its registry.',
    )
    process.exit(1)
  }
  const node = join(
    root,
    'node_modules',
    '.bin',
    process.platform === 'win32' ? 'node.cmd' : 'node',
  )
  if (!existsSync(node)) {
    say('The package `node` was installed without its program: npm did not run its install script.')
    say('Run: npm rebuild node')
    process.exit(1)
  }
  writeFileSync(stampFile, wanted())
  say('Setting up: done.')
}

if (!isDone()) install()
