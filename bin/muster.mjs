#!/usr/bin/env node
// The door: plain JavaScript for any Node from 18 on. Inside the repository it runs the TypeScript
// sources by the Node that the package `node` brings; installed as a package, the built files by
// the Node that runs this.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import module from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const sources = join(root, 'src', 'main', 'muster.ts')
const built = join(root, 'dist', 'main', 'muster.js')
const inRepository = existsSync(sources)
const ownNode = join(
  root,
  'node_modules',
  'node',
  'bin',
  process.platform === 'win32' ? 'node.exe' : 'node',
)
const major = Number(process.versions.node.split('.')[0])

if (!inRepository && !existsSync(built)) {
  console.error(
    'muster: this copy is incomplete: neither src/ nor dist/ is there. Install it again.',
  )
  process.exit(1)
}
if (inRepository && !existsSync(join(root, 'node_modules'))) {
  console.error(
    'muster: packages are not installed yet. Run `npm start`, or `node tools/setup.mjs`.',
  )
  process.exit(1)
}
if (major >= 24) {
  if (process.env.MUSTER_DOOR && process.channel) {
    // The door that started us is gone, however it went: what follows it ends as by Ctrl C.
    process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
    process.channel.unref()
  }
  delete process.env.MUSTER_DOOR
  // Compiled code of the last time: half of what `muster --help` takes.
  module.enableCompileCache?.()
  await import(inRepository ? sources : built)
} else if (existsSync(ownNode)) {
  const child = spawn(ownNode, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    // A channel that says nothing: the kernel closes it when this process dies.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, MUSTER_DOOR: '1' },
  })
  // A terminal sends Ctrl C to both; the child decides, we wait and pass its answer on.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    })
  }
  child.on('exit', (code, signal) => process.exit(signal ? 130 : (code ?? 1)))
} else {
  console.error(`muster: needs Node 24 or newer; this is ${process.versions.node}.`)
  process.exit(1)
}
