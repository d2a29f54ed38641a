import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { z } from 'zod'
import { MusterError } from '../base/errors.ts'
import type { PlanView } from '../contract/index.ts'

/*
 * The document of `plan --out`: it names a plan and what it was, so that `apply` does that one or
 * refuses.
 */

const document = z.object({
  v: z.literal(1),
  plan: z.string().min(1),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
})

export function planDocument(plan: PlanView): string {
  const { id, digest, fleet, createdAt, totals } = plan
  return `${JSON.stringify({ v: 1, plan: id, digest, fleet, createdAt, totals }, null, 2)}\n`
}

/** `p-81`, or what a file says. Throws E_USAGE when it is neither. */
export async function readPlanWord(
  given: string,
  cwd: string,
): Promise<{ id: string; digest: string | undefined }> {
  if (/^p-\d+$/.test(given)) return { id: given, digest: undefined }
  const path = resolve(cwd, given)
  const found = await stat(path).catch(() => undefined)
  const hint =
    'give the id of a plan (p-81), a file of `muster plan --out FILE`, or the folder of a fleet'
  if (!found) throw new MusterError('E_USAGE', `${given} is neither a plan nor a file`, { hint })
  if (!found.isFile())
    throw new MusterError('E_USAGE', `${given} is a folder, not a file`, { hint })
  let value: unknown
  try {
    value = JSON.parse(await readFile(path, 'utf8'))
  } catch {
    throw new MusterError('E_USAGE', `${given} is not a plan: it is not JSON`, { hint })
  }
  const read = document.safeParse(value)
  if (read.success) return { id: read.data.plan, digest: read.data.digest }
  throw new MusterError('E_USAGE', `${given} is not a plan: it has another form`, { hint })
}
