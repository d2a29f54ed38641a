/*
 * The fault table: every fault and bad input of the serving plane done for real, what has to be
 * seen, and what was. Ends with 1 when one is not as it has to be.
 *
 *   npm run sim:faults -- [--only F27]
 */
import { parseArgs } from 'node:util'
import { processFaults } from './faults/process.ts'
import { runTests, type Seen } from './faults/run-tests.ts'
import { testedFaults } from './faults/tested.ts'

const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } })
const asked = <Row extends { readonly ids: string }>(rows: readonly Row[]) =>
  rows.filter(({ ids }) => ids.includes(values.only))

let failed = 0
console.log('| id | what was done | expected | seen | | s |\n|---|---|---|---|---|---|')
function tell(
  { ids, done, expected }: { ids: string; done: string; expected: string },
  { seen, passed, seconds }: Seen,
): void {
  if (!passed) failed += 1
  const verdict = passed ? 'pass' : 'FAIL'
  console.log(`| ${[ids, done, expected, seen, verdict, seconds.toFixed(1)].join(' | ')} |`)
}

for (const fault of asked(processFaults)) {
  const startedMs = performance.now()
  const { seen, passed } = await fault.see().then(
    seen => ({ seen, passed: true }),
    (error: Error) => ({ seen: error.message, passed: false }),
  )
  tell(fault, { seen, passed, seconds: (performance.now() - startedMs) / 1_000 })
}
const tested = asked(testedFaults)
const seen = tested.length > 0 ? runTests(tested) : []
for (const [i, fault] of tested.entries()) tell(fault, seen[i]!)
const count = asked(processFaults).length + tested.length
console.log(`\n${count - failed} of ${count} as expected`)
if (failed > 0) process.exitCode = 1
