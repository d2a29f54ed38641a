import { must } from '../../base/assert.ts'
import { cellOf } from '../../onnx/index.ts'
import type { BaselineParameters } from '../../spec/index.ts'
import {
  type FitGround,
  type Fitter,
  type HeadFit,
  type MemberToFit,
  rowsWithin,
} from '../fitter.ts'
import { quantileOfSorted } from '../order-statistics.ts'
import type { LevelGroups } from '../tree.ts'

/*
 * The mean or a quantile of the label by season: a seasonal naive forecast pooled over the past
 * (Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 5.2), where each season's
 * value is drawn towards the parent's by `priorRows` rows, as a posterior mean under a normal
 * prior is. The root's seasons are drawn towards its statistic over all seasons. Quantiles are
 * those of Hyndman and Fan (1996), type 7.
 */

export class BaselineFits implements Fitter<BaselineParameters> {
  readonly #ground: FitGround<BaselineParameters>
  readonly #season: number
  readonly #cells: number

  constructor(ground: FitGround<BaselineParameters>, season: number) {
    this.#ground = ground
    this.#season = season
    this.#cells = must(ground.layout.cells, 'a baseline has cells').count
  }

  fitLevel(
    level: LevelGroups,
    members: readonly MemberToFit<BaselineParameters>[],
  ): readonly HeadFit[] {
    return members.map(member => {
      const byCell = this.#labelsByCell(level, member.group)
      const statistic = statisticOf(member.parameters)
      const whole = member.parent ? undefined : statistic(joined(byCell))
      const { priorRows } = member.parameters
      const head = Float64Array.from(byCell, (labels, cell) => {
        const prior = member.parent?.[cell] ?? must(whole, 'the root has its own statistic')
        const rows = labels.length
        if (rows === 0) return prior
        return (rows * statistic(labels) + priorRows * prior) / (rows + priorRows)
      })
      return { head }
    })
  }

  #labelsByCell(level: LevelGroups, group: number): readonly Float64Array[] {
    const { training, layout, coordinates } = this.#ground
    const fillAt = layout.slots[this.#season]?.fill ?? -1
    const fill = fillAt < 0 ? Number.NaN : coordinates.served(group)[fillAt]!
    const rows = new Int32Array(this.#cells)
    const each = (visit: (cell: number, y: number) => void): void => {
      for (const part of training.parts) {
        const { from, to } = rowsWithin(part, level, group, training.folds)
        const season = part.raw[this.#season]
        for (let r = from; r < to; r++) {
          const value = season ? season[r]! : 0
          visit(cellOf(Number.isNaN(value) ? fill : value, this.#cells), part.y[r]!)
        }
      }
    }
    each(cell => {
      rows[cell] = rows[cell]! + 1
    })
    const labels = Array.from(rows, count => new Float64Array(count))
    rows.fill(0)
    each((cell, y) => {
      labels[cell]![rows[cell]!] = y
      rows[cell] = rows[cell]! + 1
    })
    return labels
  }
}

function statisticOf(parameters: BaselineParameters): (labels: Float64Array) => number {
  const { statistic, quantile } = parameters
  if (statistic === 'mean') return labels => labels.reduce((sum, y) => sum + y, 0) / labels.length
  return labels => quantileOfSorted(labels.sort(), must(quantile, 'a quantile is given'))
}

function joined(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
