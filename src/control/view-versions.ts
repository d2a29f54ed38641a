import { must } from '../base/assert.ts'
import { MusterError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import type { PublishedViewAnswer, ViewDiff } from '../contract/index.ts'
import { meaningOfView, type ViewMeaning, viewDifferences } from '../spec/index.ts'
import {
  newestPublished,
  publishedViews,
  readPlanHead,
  readSpec,
  type Sql,
} from '../store/index.ts'
import type { DeskParts } from './desk-parts.ts'

type Parts = Pick<DeskParts, 'fleet' | 'store'>

/** A published version, with the declaration that published it. E_NOT_FOUND. */
export async function publishedViewOf(sql: Sql, id: string): Promise<PublishedViewAnswer> {
  const [view] = await publishedViews(sql, [id])
  if (!view) {
    throw new MusterError('E_NOT_FOUND', `view \`${id}\` is not published`, {
      hint: 'a view is published when a plan that reads it is applied; until then edit it freely',
    })
  }
  const plan = must(await readPlanHead(sql, view.plan), 'plans are kept')
  const revision = must(await readSpec(sql, plan.base.spec), 'a plan has its declaration')
  return {
    id,
    digest: view.digest,
    plan: view.plan,
    at: view.at.toISOString(),
    newestVersion: await newestPublished(sql, id.split('@')[0] ?? ''),
    declaration: revision.files.map(({ path, text }) => ({ path, text })),
  }
}

/** E_NOT_FOUND for what is neither published nor in the declaration that the fleet follows. */
export async function viewDiffOf(parts: Parts, from: string, to: string): Promise<ViewDiff> {
  const before = await meaningOf(parts, from)
  const now = await meaningOf(parts, to)
  return {
    from,
    to,
    differences: viewDifferences(before, now).map(difference => ({
      change: difference.change,
      of: difference.of,
      name: difference.name,
      before: difference.before ?? null,
      now: difference.now ?? null,
    })),
  }
}

async function meaningOf({ fleet, store }: Parts, id: string): Promise<ViewMeaning> {
  const [published] = await publishedViews(store, [id])
  if (published) return published.means
  const spec = await fleet.spec()
  const view = spec?.views.get(id)
  if (spec && view) return meaningOfView(view, spec)
  const near = nearest(id, spec?.views.keys() ?? [])
  throw new MusterError('E_NOT_FOUND', `the fleet has no view \`${id}\``, {
    hint:
      near.length > 0 ? `nearest: ${near.join(', ')}` : 'list them: muster features --kind view',
  })
}
