import { nearest } from '../base/nearest.ts'
import type { DeclaredKind } from './declared.ts'
import type { FeatureViewSpec, LabelSpec, SourceSpec, ViewFeature } from './fleet-spec.ts'
import { durationMs } from './groups.ts'
import { listed, printable } from './problem.ts'
import { complainOfTwice } from './source-parts.ts'
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
  checkGrid(declared, around)
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

/** The moments of a grid come from the events of its source, and stand in a column of their own. */
function checkGrid(declared: Declared, { sources, reading }: Surroundings): void {
  const { grid, rows } = declared.value
  if (!grid) return
  complainOfTwice(declared, grid.by, ['grid', 'by'], reading)
  const source = sources.get(rows)
  if (source && source.eventTime === undefined) {
    reading.complain(declared, ['grid'], 'key', {
      code: 'E_SPEC_MISSING_FIELD',
      message: `a grid begins with the first event, and source \`${rows}\` has no \`eventTime\``,
      cure: 'add `eventTime:` to the source',
    })
  }
  const own = grid.by.findIndex(column => column.toLowerCase() === 'at')
  if (own < 0) return
  reading.complain(declared, ['grid', 'by', own], 'value', {
    code: 'E_SPEC_NAME_TAKEN',
    message: 'the moments of a grid stand in a column `at`',
    cure: 'give the entity column another name, by a view of the table or in the file',
  })
}

/** `on` says by what an entity is looked up: it names columns that tell entities apart. */
export function checkOn(
  declared: Declared,
  given: {
    readonly on: Readonly<Record<string, string>>
    readonly by: readonly string[]
    readonly at: readonly string[]
    readonly of: string
  },
  reading: Surroundings['reading'],
): void {
  for (const column of Object.keys(given.on)) {
    if (given.by.includes(column)) continue
    const [near] = nearest(column, given.by, 1)
    reading.complain(declared, [...given.at, 'on', column], 'key', {
      code: 'E_SPEC_REFERENCE',
      message: `${given.of} is by ${listed(given.by, 'and')}, not by \`${printable(column)}\``,
      cure: near ? `use \`${near}\`` : 'remove it, or name an entity column',
    })
  }
}

function checkLabelTime(
  declared: Declared,
  name: string,
  source: SourceSpec | undefined,
  reading: Surroundings['reading'],
): void {
  if (source === undefined || source.eventTime !== undefined) return
  reading.complain(declared, ['labels', name], 'key', {
    code: 'E_SPEC_MISSING_FIELD',
    message:
      `label \`${name}\` reads later rows, ` + `and source \`${source.name}\` has no \`eventTime\``,
    cure: 'add `eventTime:` to the source',
  })
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
    complainOfTwice(declared, by, [...at, 'by'], reading)
    checkOn(declared, { on, by, at, of: `label \`${name}\`` }, reading)
    checkLabelTime(declared, name, sources.get(source), reading)
    return { name, source, by, on, of, stat, horizonMs: durationMs(label.horizon) }
  })
}

function readCrosses(
  declared: Declared,
  { reading }: Surroundings,
  features: readonly ViewFeature[],
): readonly (readonly [string, string])[] {
  if (declared.damaged.has('features')) return []
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
    const [one = '', other = ''] = pair
    const again = found.some(([a, b]) => (a === one && b === other) || (a === other && b === one))
    if (one === other || again) {
      reading.complain(declared, ['crosses', index], 'value', {
        code: 'E_SPEC_VALUE',
        message: again
          ? `\`${one}\` and \`${other}\` are crossed twice`
          : `\`${one}\` is crossed with itself`,
        cure: again ? 'remove one of them' : 'name two features',
      })
      continue
    }
    found.push([one, other])
  }
  return found
}
