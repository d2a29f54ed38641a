import { MusterError } from '../base/errors.ts'
import type { GraphHead } from '../onnx/index.ts'
import type { BaselineParameters, LogisticParameters, RidgeParameters } from '../spec/index.ts'
import { BaselineFits } from './baseline/fit.ts'
import type { FitGround, Fitter } from './fitter.ts'
import { LogisticFits } from './logistic/fit.ts'
import { RidgeFits } from './ridge/fit.ts'

/** The parameters of any built-in pipeline. Which one it is, `pipeline.id` says. */
export type FitParameters = BaselineParameters | LogisticParameters | RidgeParameters

/** Whether a pipeline needs no more of its rows than one block of moments a group and fold. */
export function fitsFromMoments(id: string): boolean {
  return id === 'ridge@1'
}

/** This file is the one place that knows the pipelines by name. */
export function openFitter(
  id: string,
  ground: FitGround<FitParameters>,
  head: GraphHead,
): Fitter<FitParameters> {
  // The parameters were parsed by the schema of this very pipeline, so their type is known here.
  switch (id) {
    case 'ridge@1':
      return new RidgeFits(ground as FitGround<RidgeParameters>) as Fitter<FitParameters>
    case 'logistic@1':
      return new LogisticFits(ground as FitGround<LogisticParameters>) as Fitter<FitParameters>
    case 'baseline@1': {
      const season = head.kind === 'cells' ? head.season : -1
      return new BaselineFits(
        ground as FitGround<BaselineParameters>,
        season,
      ) as Fitter<FitParameters>
    }
    default:
      throw new MusterError('E_SPEC', `there is no pipeline ${id}`, { field: 'pipeline' })
  }
}
