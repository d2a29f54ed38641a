import { must } from '../base/assert.ts'
import type { ErrorCode } from '../base/errors.ts'
import { countOf } from '../base/format.ts'
import {
  type DeclarationProblem,
  differenceText,
  type FeatureViewSpec,
  meaningOfView,
  viewDifferences,
} from '../spec/index.ts'
import { type PublishedView, publishedViews, type Sql } from '../store/index.ts'
import type { ReadSpec } from './declared.ts'

/**
 * Every view that means something else than what was published under its name and version, at the
 * first field that differs, be it of a group that the view reads.
 */
export async function editedViews(
  read: ReadSpec,
  sql: Sql,
): Promise<readonly DeclarationProblem[]> {
  const published = await publishedViews(sql, [...read.spec.views.keys()])
  return published.flatMap(before => {
    const view = read.spec.views.get(before.id)
    return view && view.digest !== before.digest ? editOf(view, before, read) : []
  })
}

function editOf(
  view: FeatureViewSpec,
  before: PublishedView,
  { spec, locate }: ReadSpec,
): readonly DeclarationProblem[] {
  const differences = viewDifferences(before.means, meaningOfView(view, spec))
  const [first, ...others] = differences
  // The digest is of what an older Muster knew of views, and nothing that it knew has changed.
  if (!first) return []
  const more = others.length === 0 ? '' : `; and ${countOf(others.length, 'more difference')}`
  const own = differences.every(d => d.at.kind === 'FeatureView')
  const at = { ...first.at, name: first.at.name ?? view.id }
  const { subject: _, ...place } = must(locate(at), `${at.kind} ${at.name} is declared`)
  const code = 'E_VIEW_PUBLISHED' satisfies ErrorCode
  const message =
    `view \`${view.id}\` was published by ${before.plan} and is edited: ` +
    `${differenceText(first)}${more}`
  const cure = own
    ? `make it the next version: muster features next ${view.id}`
    : `give what changed another name, or: muster features next ${view.id} --move`
  return [{ code, ...place, message, cure }]
}
