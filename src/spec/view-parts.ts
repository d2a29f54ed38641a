import { nearest } from '../base/nearest.ts'
import type { DeclaredKind } from './declared.ts'
import type { FeatureViewSpec, LabelSpec, ViewFeature } from './fleet-spec.ts'
import { durationMs } from './groups.ts'
import type { Surroundings } from './views.ts'

/* What a view may say beside its features: a grid, labels, request columns, crosses. */

type Declared = DeclaredKind<'FeatureView'>
type More = Pick<FeatureViewSpec, 'grid' | 'request' | 'labels' | 'crosses' | 'fitPer'>

/** Only what is declared, so that a view without any of it means what it always meant. */
export function readMore(
  declared: Declared,
  around: Surroundings,
  features: readonly ViewFeature[],
): More {
  const { grid, request, fitPer } = declared.value
  const labels = readLabels(declared, around)
  const crosses = readCrosses(declared, around, features)
  return {
    ...(grid && { grid: { by: grid.by, everyMs: durationMs(grid.every) } }),
    ...(request && { request }),
    ...(labels.length > 0 && { labels }),
    ...(crosses.length > 0 && { crosses }),
    ...(fitPer === 'member' && { fitPer }),
  }
}

function readLabels(declared: Declared, { sources, reading }: Surroundings): readonly LabelSpec[] {
  const { value } = declared
  return Object.entries(value.labels ?? {}).map(([name, label]) => {
    const source = label.source ?? value.rows
    const at = ['labels', name]
    if (label.source !== undefined && !sources.has(source)) {
      const [near] = nearest(source, sources.keys(), 1)
      reading.complainOfReference(
        declared,
        [...at, 'source'],
        { kind: 'Source', name: source },
        {
          message: `label \`${name}\` reads source \`${source}\``,
          cure: near ? `use \`${near}\`` : 'declare it, or name one that is declared',
        },
      )
    }
    if (label.of === undefined && label.stat !== 'count') {
      reading.complain(declared, [...at, 'stat'], 'value', {
        code: 'E_SPEC_MISSING_FIELD',
        message: `label \`${name}\` takes the ${label.stat} of nothing`,
        cure: 'add `of:`, the value; without it only rows are counted',
      })
    }
    const { by, stat, of = '1', on = {} } = label
    return { name, source, by, on, of, stat, horizonMs: durationMs(label.horizon) }
  })
}

function readCrosses(
  declared: Declared,
  { reading }: Surroundings,
  features: readonly ViewFeature[],
): readonly (readonly [string, string])[] {
  const names = new Set(features.map(feature => feature.name))
  const found: (readonly [string, string])[] = []
  for (const [index, pair] of (declared.value.crosses ?? []).entries()) {
    const odd = pair.findIndex(name => !names.has(name))
    if (odd >= 0) {
      const [near] = nearest(pair[odd]!, names, 1)
      reading.complain(declared, ['crosses', index, odd], 'value', {
        code: 'E_SPEC_REFERENCE',
        message: `there is no feature \`${pair[odd]}\` to cross`,
        cure: near ? `use \`${near}\`` : 'name a feature of this view',
      })
      continue
    }
    found.push([pair[0]!, pair[1]!])
  }
  return found
}
