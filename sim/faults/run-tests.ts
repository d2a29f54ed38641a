import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestedFault } from './fault.ts'

export interface Seen {
  readonly seen: string
  readonly passed: boolean
  readonly seconds: number
}

interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly assertionResults: readonly {
      readonly fullName: string
      readonly status: 'passed' | 'failed' | 'skipped' | 'pending' | 'todo'
      readonly duration?: number
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Runs the files of these faults, all at once; what a machine lacks is a failure. */
export function runTests(faults: readonly TestedFault[]): readonly Seen[] {
  const files = [...new Set(faults.map(({ file }) => file))]
  const folder = mkdtempSync(join(tmpdir(), 'muster-faults-'))
  try {
    const out = join(folder, 'report.json')
    const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
    spawnSync(
      process.execPath,
      [vitest, 'run', ...files, '--reporter=json', `--outputFile=${out}`],
      {
        cwd: root,
        stdio: 'ignore',
        env: { ...process.env, MUSTER_STRICT: '1', MUSTER_FAULT_SECONDS: '60' },
      },
    )
    const report = JSON.parse(readFileSync(out, 'utf8')) as Report
    return faults.map(fault => seenOf(fault, report))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function seenOf({ file, named }: TestedFault, { testResults }: Report): Seen {
  const all = testResults.find(({ name }) => name.endsWith(file))?.assertionResults ?? []
  const own = all.filter(({ fullName }) => named.test(fullName))
  const passed = own.filter(({ status }) => status === 'passed')
  const failed = own.find(({ status }) => status !== 'passed')
  const seconds = own.reduce((sum, { duration = 0 }) => sum + duration, 0) / 1_000
  const because = failed?.failureMessages[0]?.split('\n')[0] ?? failed?.status
  const counted = `${passed.length} of ${own.length} in ${file}`
  return {
    seen: because === undefined ? counted : `${counted}: ${because}`,
    passed: own.length > 0 && passed.length === own.length,
    seconds,
  }
}
