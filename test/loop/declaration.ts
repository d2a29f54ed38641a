/*
 * The declaration of the loop's tests: the sales of `shop-sales.ts` under one view, and up to two
 * blueprints on it. Each test says what differs.
 */

export interface BlueprintText {
  readonly name: string
  /** A line of YAML each; they replace or follow the usual ones, by their key. */
  readonly fields?: Readonly<Record<string, string>>
}

export interface FleetText {
  /** Version of the view `day-ahead`, and the features that its version 1 has not. */
  readonly view?: number
  readonly moreFeatures?: string
  readonly blueprints?: readonly BlueprintText[]
}

const usual: Readonly<Record<string, string>> = {
  purpose: 'Units that a shop will sell in a day, to order the right amount',
  key: '[product, shop]',
  members: '{ atLeast: 100 }',
  label: 'units',
  pipeline: 'ridge@1',
  spans: '{ train: 2024-01..2024-04, judge: 2024-05, report: 2024-06 }',
}

/** Leaning on their parents by a fixed penalty, most quickly fitted: `units`, a regression. */
export const units: BlueprintText = { name: 'units' }

/** `busy`, a classification on the same view and members. */
export const busy: BlueprintText = {
  name: 'busy',
  fields: {
    purpose: 'Days that need a second pair of hands',
    label: 'units > 45',
    pipeline: 'logistic@1',
  },
}

export function fleetYaml(text: FleetText = {}): string {
  const { view = 1, moreFeatures = '', blueprints = [units] } = text
  return `apiVersion: muster/v1
fleet: shops
defaults: { owner: me, riskClass: low }
environments: [prod]
---
kind: Source
name: sales
files: sales/*.csv
eventTime: day
---
kind: FeatureGroup
name: recent
source: sales
knownAt: day + interval 1 day
windows:
  - { by: [product, shop], of: units, stats: [mean], over: [7d] }
---
kind: FeatureView
name: day-ahead
version: ${view}
rows: sales
asOf: day
features:
  weekend: { sql: cast(isodow(day) >= 6 as int) }
  promotion: {}
  recent.*: { transform: [impute(mean), standard] }
${moreFeatures}${blueprints.map(b => blueprintYaml(b, view)).join('')}`
}

function blueprintYaml({ name, fields = {} }: BlueprintText, view: number): string {
  const all = { ...usual, view: `day-ahead@${view}`, ...fields }
  const lines = Object.entries(all).map(([field, value]) => `${field}: ${value}\n`)
  return `---\nkind: Blueprint\nname: ${name}\n${lines.join('')}`
}
