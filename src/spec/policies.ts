import type { DeclaredKind, FleetReading } from './declared.ts'
import { complainOfEnvironment } from './environments.ts'
import type { PolicySpec } from './fleet-spec.ts'
import { type RiskClass, riskClass } from './words.ts'

/*
 * What a version must show to be released. A fleet declares its own policies; for a risk class
 * without one, Muster ships these. They are written in the same CEL as anyone's, and shown by
 * `muster why` like anyone's.
 */

/**
 * At the root there is no parent; elsewhere the parent answers where the member does not earn its
 * keep.
 */
const worthKeeping = (claim: string) => `level == 'root' || ${claim}`

/** Only a family that serves already has a champion. */
const unlessFirst = (claim: string) => `!has(evidence.vs.champion) || ${claim}`

/**
 * Calibration is of probabilities; regressions have no such number and pass. So do members with
 * fewer than 1,000 judging rows: over ten bins chance alone makes an error of about
 * 0.8 sqrt(10 p (1 - p) / n), which is 0.1 at a hundred rows for the best of models.
 */
const calibratedWithin = (error: number) =>
  `!has(evidence.candidate.calibrationError) || evidence.candidate.rows < 1000 || ` +
  `evidence.candidate.calibrationError < ${error}`

const shipped: Readonly<Record<RiskClass, Readonly<Record<string, string>>>> = {
  /*
   * Expected gains, not proven ones. A leaf has few rows to be judged on, and its baseline is the
   * mean of its own training rows; to ask confidence of each leaf refuses most of those that help,
   * and the fleet as a whole answers worse than if it had kept them. `expected` is shrunk towards
   * the siblings', so luck alone does not keep a leaf. The mean and not the interval also at the
   * root, because an interval needs two days of judging, and yearly data have one. A member that
   * loses to its own mean but beats its parent stays: who would answer in its place is worse still.
   */
  low: {
    'better-than-baseline':
      'evidence.vs.baseline.loss.expected < 0 || ' +
      "(level != 'root' && evidence.vs.parent.loss.expected < 0)",
    'worth-keeping': worthKeeping('evidence.vs.parent.loss.expected < 0'),
    // Not surely worse: what was trained on newer data may take over at equal quality.
    'not-worse-than-champion': unlessFirst(
      'evidence.vs.champion.loss.mean <= 0 || evidence.vs.champion.loss.lower <= 0',
    ),
  },
  /* Gains at 95% confidence: fewer own models, but each of them proven. */
  medium: {
    'better-than-baseline': 'evidence.vs.baseline.loss.upper < 0',
    'worth-keeping': worthKeeping('evidence.vs.parent.loss.upper < 0'),
    'not-worse-than-champion': unlessFirst('evidence.vs.champion.loss.mean <= 0'),
    calibrated: calibratedWithin(0.1),
  },
  /* A champion gives way only to what is surely no worse. */
  high: {
    'better-than-baseline': 'evidence.vs.baseline.loss.upper < 0',
    'worth-keeping': worthKeeping('evidence.vs.parent.loss.upper < 0'),
    'not-worse-than-champion': unlessFirst('evidence.vs.champion.loss.upper <= 0'),
    calibrated: calibratedWithin(0.05),
  },
}

/** The policies that Muster ships, by risk class: `low@1`, `medium@1`, `high@1`. */
export const builtInPolicies: Readonly<Record<RiskClass, PolicySpec>> = {
  low: builtIn('low'),
  medium: builtIn('medium'),
  high: builtIn('high'),
}

function builtIn(risk: RiskClass): PolicySpec {
  return {
    name: risk,
    version: 1,
    id: `${risk}@1`,
    riskClass: risk,
    environment: undefined,
    gates: shipped[risk],
    place: undefined,
  }
}

export function readPolicy(
  declared: DeclaredKind<'Policy'>,
  environments: readonly string[],
  reading: FleetReading,
): PolicySpec {
  const { document, value } = declared
  const { riskClass, environment } = value.appliesTo
  if (environment !== undefined && !environments.includes(environment)) {
    const at = ['appliesTo', 'environment']
    complainOfEnvironment(declared, at, environment, environments, reading)
  }
  return {
    name: value.name,
    version: value.version,
    id: `${value.name}@${value.version}`,
    riskClass,
    environment,
    gates: value.gates,
    place: document.place,
  }
}

/**
 * Where several policies apply, all of them must hold, and of one name the newest version speaks:
 * see `gate/`. So there is nothing to choose between here.
 *
 * Declared policies, then those that Muster ships for the classes that no declared one covers
 * everywhere.
 */
export function withBuiltIns(declared: readonly PolicySpec[]): readonly PolicySpec[] {
  const covered = new Set(
    declared.filter(policy => policy.environment === undefined).map(policy => policy.riskClass),
  )
  const missing = riskClass.options.filter(risk => !covered.has(risk))
  return [...declared, ...missing.map(risk => builtInPolicies[risk])]
}
