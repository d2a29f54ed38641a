import type { Run } from '../fleet/index.ts'
import { families, listRuns, type Sql } from '../store/index.ts'

/** The newest run of each blueprint, where that one failed. */
export async function failedRuns(sql: Sql): Promise<readonly Run[]> {
  const failed: Run[] = []
  for (const { blueprint } of await families(sql)) {
    const [newest] = await listRuns(sql, { limit: 1, blueprint })
    if (newest?.state === 'failed') failed.push(newest)
  }
  return failed
}
