import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { skipBecause } from '../../test/strict.ts'
import { PeakMemory, treeResidentBytes } from './memory.ts'

test('counts a process and all below it, and no other', async context => {
  if (process.platform !== 'linux') return skipBecause(context, '/proc is of Linux')
  const inner = 'console.log(process.pid); setTimeout(() => {}, 60_000)'
  const stdio = "{ stdio: ['pipe', 'inherit', 'inherit'] }"
  const outer = `const { spawn } = require('node:child_process')
    spawn(process.execPath, ['-e', ${JSON.stringify(inner)}], ${stdio})`
  const child = spawn(process.execPath, ['-e', outer], { stdio: ['pipe', 'pipe', 'inherit'] })
  const [line] = await once(child.stdout, 'data')
  const grandchild = Number(String(line))
  const below = treeResidentBytes(grandchild)
  expect(below).toBeGreaterThan(10e6)
  expect(treeResidentBytes(child.pid!)).toBeGreaterThan(below + 10e6)
  using memory = new PeakMemory(() => [])
  expect(memory.peakBytes).toBeGreaterThan(treeResidentBytes(child.pid!))
  using others = new PeakMemory(() => [grandchild]) // Counted once.
  expect(others.peakBytes).toBeLessThan(memory.peakBytes + below)
  process.kill(grandchild)
  child.kill()
})
