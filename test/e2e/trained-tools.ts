import { expect } from 'vitest'
import { conditionLines, type ToolsSize } from '../fleets/tools/tools.ts'
import { type Launch, run } from './program.ts'

/** Applies the fleet of tools, sends its conditions, and trains. Gives what `apply` says. */
export async function trainTools(url: string, where: Launch, size: ToolsSize): Promise<string> {
  expect((await run(['apply'], where)).code).toBe(0) // Without conditions nothing trains yet.
  const pushed = await fetch(`${url}/api/v1/sources/conditions/rows?known=then`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: conditionLines(size),
  })
  expect(pushed.status).toBe(202)
  const applied = await run(['apply'], where)
  expect([applied.code, applied.stderr]).toEqual([0, expect.stringContaining('models')])
  return applied.stderr
}
