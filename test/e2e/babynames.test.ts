import { copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { skipBecause } from '../strict.ts'
import { freePort, interrupt, launch, ready, run, temporaryHome } from './program.ts'

const data = '../shared/data/babynames/babynames.parquet'

/*
 * A fleet of 111,471 members through the same code as every other: plan, train, gate, register,
 * route. What it took, and how much memory, is printed.
 */
test('111,468 names become a fleet', { timeout: 300_000 }, async context => {
  if (!existsSync(data)) skipBecause(context, `${data} is not there`)
  using home = temporaryHome('babynames')
  const fleet = home.path
  copyFileSync('test/fleets/babynames/muster.yaml', join(fleet, 'muster.yaml'))
  copyFileSync(data, join(fleet, 'babynames.parquet'))
  const port = await freePort()
  const at = { home: join(home.path, 'state'), port, cwd: fleet }
  const server = launch(['up'], at)
  try {
    await ready(port, server)
    const startedMs = performance.now()
    const applied = await run(['apply'], at)
    expect(applied.stderr).toContain('111,471 models declared')
    expect(applied.code).toBe(0)
    const seconds = (performance.now() - startedMs) / 1_000

    const runs = await run(['runs', '--json'], at)
    const [{ levels, reasons }] = runs.stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line)) as [{ levels: Level[]; reasons: Record<string, number> }]
    const leaves = levels.at(-1)!
    expect(leaves.declared).toBe(111_468)
    expect(leaves.trained + leaves.failed).toBe(leaves.declared)
    expect(leaves.serving).toBe(leaves.kept)
    expect(leaves.kept).toBeGreaterThan(10_000)
    const lost = levels.reduce((n, level) => n + level.declared - level.kept, 0)
    expect(Object.values(reasons).reduce((a, b) => a + b, 0)).toBe(lost)
    console.log(
      `babynames: ${seconds.toFixed(1)} s for 111,471 models, ${leaves.kept} leaves serve`,
    )
  } finally {
    await interrupt(server)
  }
})

interface Level {
  readonly declared: number
  readonly trained: number
  readonly failed: number
  readonly kept: number
  readonly serving: number
}
