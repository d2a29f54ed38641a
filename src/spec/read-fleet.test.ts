import { expect, test } from 'vitest'
import { must } from '../base/assert.ts'
import { readFleet } from './read-fleet.ts'
import { renderProblems } from './render-problems.ts'
import { sampleFleet } from './sample-fleet.ts'

function read(text: string, path = 'muster.yaml') {
  return readFleet([{ path, text }])
}

function rendered(text: string, all = false): string {
  const files = [{ path: 'muster.yaml', text }]
  return renderProblems(readFleet(files).problems, files, { all })
}

function changed(from: string, to: string, text = sampleFleet): string {
  expect(text).toContain(from)
  return text.replace(from, to)
}

test('the fleet of the design is read', () => {
  const { spec, problems } = read(sampleFleet)
  expect(problems).toEqual([])
  const fleet = must(spec, 'the sample is valid')
  expect(fleet.name).toBe('flights')
  expect(fleet.environments).toEqual([{ name: 'prod' }])
  expect(fleet.policies.map(policy => policy.id)).toEqual(['low@1', 'medium@1', 'high@1'])
  expect(fleet.policies.map(policy => policy.place?.line)).toEqual([45, undefined, undefined])

  const group = must(fleet.groups.get('departures'), 'the group')
  expect(group.features.map(feature => feature.name)).toEqual([
    'origin_mean_1h',
    'origin_mean_24h',
    'origin_count_1h',
    'origin_count_24h',
    'destination_mean_3h',
    'destination_mean_24h',
    'origin_destination_mean_5rows',
  ])
  expect(group.features[0]?.over).toEqual({ kind: 'time', ms: 3_600_000 })
  expect(group.features[6]?.over).toEqual({ kind: 'rows', rows: 5 })

  const view = must(fleet.views.get('two-hours-before@1'), 'the view')
  expect(view.eventTime).toBe('date')
  expect(view.features).toHaveLength(10)
  expect(view.features[3]).toEqual({
    name: 'departures.origin_mean_1h',
    from: { kind: 'group', group: 'departures', feature: 'origin_mean_1h' },
    transform: [{ kind: 'impute', with: 'mean' }, { kind: 'standard' }],
  })

  const blueprint = must(fleet.blueprints.get('route-late'), 'the blueprint')
  expect(blueprint).toMatchObject({
    owner: 'network-ops',
    riskClass: 'low',
    key: ['origin', 'destination'],
    pipeline: { id: 'logistic@1', parameters: { folds: 5, maxPasses: 25 } },
    overrides: [{ match: '*.HNL', parameters: { penalty: 10 } }],
    environments: ['prod'],
    place: { file: 'muster.yaml', line: 32 },
  })
  expect(blueprint.spans.train).toEqual({
    text: '2001-01..2001-04',
    fromMs: Date.UTC(2001, 0, 1),
    toMs: Date.UTC(2001, 4, 1),
  })
  expect(blueprint.spans.judge.fromMs).toBe(blueprint.spans.train.toMs)
})

test('digests follow the meaning, and nothing else', () => {
  const fleetOf = (text: string) => must(read(text).spec, 'a valid fleet')
  const viewOf = (text: string) => fleetOf(text).views.get('two-hours-before@1')?.digest
  const familyOf = (text: string) => fleetOf(text).blueprints.get('route-late')?.digest
  const one = fleetOf(sampleFleet)
  const same = [
    `# a comment\n\n${sampleFleet}`,
    sampleFleet.replace('owner: network-ops', 'owner: someone'),
    sampleFleet.replace('purpose: Chance', 'purpose: The chance'),
    sampleFleet.replaceAll('\n', '\r\n'),
    changed('members: { atLeast: 100 }', 'members: {}'),
  ]
  for (const text of same) {
    expect(viewOf(text)).toBe(viewOf(sampleFleet))
    expect(familyOf(text)).toBe(familyOf(sampleFleet))
  }
  expect(fleetOf(`# moved\n${sampleFleet}`).digest).toBe(one.digest)
  expect(fleetOf(changed('network-ops', 'someone')).digest).not.toBe(one.digest)

  const views = [
    changed('least(delay, 240)', 'least(delay, 200)'),
    changed('to_minutes(delay)', 'to_minutes(delay + 1)'),
    changed('interval 2 hours', 'interval 3 hours'),
    changed('cyclic(7)', 'standard'),
  ]
  for (const text of views) expect(viewOf(text)).not.toBe(viewOf(sampleFleet))
  const families = [
    ...views,
    changed('delay > 15', 'delay > 30'),
    changed('report: 2001-06', 'report: 2001-06-01..2001-06-15'),
    changed('penalty: 10', 'penalty: 11'),
    changed('latencyP99Ms: 10', 'quality: { metric: auc, atLeast: 0.6 }'),
    changed('pipeline: logistic@1', 'pipeline: { name: logistic@1, folds: 4 }'),
  ]
  for (const text of families) expect(familyOf(text)).not.toBe(familyOf(sampleFleet))
})

test('two mistakes, in the look of the design', async () => {
  const text = changed(
    'transform: cyclic(24)',
    'tranform: cyclic(24)',
    changed('two-hours-before@1', 'two-hours-before@2'),
  )
  await expect(rendered(text)).toMatchFileSnapshot('golden/two-mistakes.txt')
})

test('a field of a later stage, a wrong type and an alias at once', async () => {
  const text = [
    ['atLeast: 100', 'atLeast: "100"'],
    ['label: delay > 15', 'label: delay > 15\nrollout: { steps: [canary] }'],
    ['"*.HNL"', '*.HNL'],
    ['version: 1\nrows', 'version: 1.10\nrows'],
    ['riskClass: low }', 'riskClass: lwo }'],
  ].reduce((at, [from = '', to = '']) => changed(from, to, at), sampleFleet)
  await expect(rendered(text, true)).toMatchFileSnapshot('golden/many-mistakes.txt')
})

test('causes are shown, consequences are counted', () => {
  const text = changed('source: flights', 'source: flihgts')
  expect(rendered(text)).toMatchInlineSnapshot(`
    "muster.yaml:13:9  group \`departures\` reads source \`flihgts\`, which does not exist
       source: flihgts
               ^^^^^^^ use \`flights\`
    1 error, and 3 that follow from it (--all), in 6 documents. Nothing was changed."
  `)
  expect(rendered(text, true)).toMatchInlineSnapshot(`
    "muster.yaml:13:9  group \`departures\` reads source \`flihgts\`, which does not exist
       source: flihgts
               ^^^^^^^ use \`flights\`
    muster.yaml:21:1  view \`two-hours-before@1\` has no \`eventTime\`, and neither has its source
       kind: FeatureView
       ^^^^ add \`eventTime:\`, the column or expression of when the event happens
    muster.yaml:30:3  feature \`departures.*\` is of group \`departures\`, which has errors
       departures.*: { transform: [impute(mean), standard] }
       ^^^^^^^^^^^^ put group \`departures\` right
    muster.yaml:37:7  blueprint \`route-late\` reads view \`two-hours-before@1\`, which has errors
       view: two-hours-before@1
             ^^^^^^^^^^^^^^^^^^ put view \`two-hours-before@1\` right
    1 error, and 3 that follow from it, in 6 documents. Nothing was changed."
  `)
})

test('spans, objectives, overrides and parameters are read against each other', async () => {
  const text = [
    ['judge: 2001-05,', 'judge: 2001-04,'],
    ['latencyP99Ms: 10', 'quality: { metric: rmse, atMost: 30 }'],
    ['pipeline: logistic@1', 'pipeline: { name: logistic@1, penalty: -1, fold: 3 }'],
    ['key: [origin, destination]', 'key: [origin, Origin]'],
    [
      '  - { match: "*.HNL"',
      '  - { match: "ATL.*", pipeline: { penalty: 5 } }\n  - { match: "*.HNL"',
    ],
  ].reduce((at, [from = '', to = '']) => changed(from, to, at), sampleFleet)
  await expect(rendered(text, true)).toMatchFileSnapshot('golden/family.txt')
})

test('features: explicit wins over *, a column of its name, transforms in place', async () => {
  const fleet = read(
    changed(
      'departures.*: { transform: [impute(mean), standard] }',
      'departures.*: { transform: impute(mean) }\n  departures.origin_mean_24h: {}\n  delay: {}',
    ),
  )
  const features = fleet.spec?.views.get('two-hours-before@1')?.features ?? []
  expect(features.map(f => f.name).slice(3)).toEqual([
    'departures.origin_mean_1h',
    'departures.origin_count_1h',
    'departures.origin_count_24h',
    'departures.destination_mean_3h',
    'departures.destination_mean_24h',
    'departures.origin_destination_mean_5rows',
    'departures.origin_mean_24h',
    'delay',
  ])
  expect(features.at(-1)?.from).toEqual({ kind: 'row', sql: '"delay"' })
  const bad = [
    ['transform: cyclic(7)', 'transform: cyclic(-7)'],
    ['transform: standard', 'transform: [cyclic(3), standrd, standard]'],
    ['departures.*', 'departure.*'],
  ].reduce((at, [from = '', to = '']) => changed(from, to, at), sampleFleet)
  await expect(rendered(bad)).toMatchFileSnapshot('golden/features.txt')
})

test('windows that give one name twice', async () => {
  const text = changed(
    'over: [5 rows] }',
    'over: [5 rows] }\n  - { by: [Origin], of: delay, stats: [mean], over: [1h] }',
  )
  await expect(rendered(text)).toMatchFileSnapshot('golden/windows.txt')
  const told = read(changed('by: [Origin]', 'by: [Origin], as: raw', text)).spec
  expect(told?.groups.get('departures')?.features.at(-1)?.name).toBe('origin_raw_mean_1h')
})

test('several files: names are taken across them, whatever their case', async () => {
  const more = `kind: Source
name: flights
files: data/*.csv
---
kind: Environment
name: test
`
  const files = [
    { path: 'muster.yaml', text: sampleFleet },
    { path: 'more/sources.yaml', text: more },
  ]
  await expect(renderProblems(readFleet(files).problems, files)).toMatchFileSnapshot(
    'golden/name-taken.txt',
  )
  const cased = readFleet([
    { path: 'muster.yaml', text: sampleFleet },
    { path: 'b.yaml', text: more.replace('name: flights', 'name: Flights') },
  ])
  expect(cased.problems.map(p => p.code)).toEqual(['E_SPEC_NAME', 'E_SPEC_NAME_TAKEN'])
  expect(cased.problems[1]?.message).toContain('muster.yaml:8')
})

test('one root, no more and no less', async () => {
  expect(rendered('kind: Environment\nname: test\n')).toMatchInlineSnapshot(`
    "muster.yaml:1:1  the fleet has no root document
       kind: Environment
       ^ add a document with \`apiVersion: muster/v1\` and \`fleet: <name>\`
    1 error in 1 document. Nothing was changed."
  `)
  const two = `${sampleFleet}---\napiVersion: muster/v1\nfleet: other\n`
  expect(rendered(two)).toMatchInlineSnapshot(`
    "muster.yaml:56:1  the fleet has another root document, at muster.yaml:2
       fleet: other
       ^^^^^ keep one of them
    1 error in 7 documents. Nothing was changed."
  `)
  await expect(rendered('name: x\n')).toMatchFileSnapshot('golden/no-kind.txt')
  expect(rendered(changed('kind: Policy', 'kind: Polisy'))).toMatchInlineSnapshot(`
    "muster.yaml:45:7  there is no kind \`Polisy\`
       kind: Polisy
             ^^^^^^ use \`Policy\`
    1 error in 6 documents. Nothing was changed."
  `)
})

test('owner and risk class come from the root or are missed', () => {
  const text = changed('defaults: { owner: network-ops, riskClass: low }', 'defaults: {}')
  const codes = read(text).problems.map(problem => problem.code)
  expect(codes.filter(code => code === 'E_SPEC_OWNER_REQUIRED')).toHaveLength(4)
  expect(codes.filter(code => code === 'E_SPEC_RISK_REQUIRED')).toHaveLength(1)
})

test('policies: several may apply to a class, and their environments exist', () => {
  const second = `---
kind: Policy
name: strict
version: 1
appliesTo: { riskClass: low }
gates: { sure: "evidence.vs.baseline.loss.upper < 0" }
`
  expect(read(sampleFleet + second).problems).toEqual([])
  const apart = second.replace('riskClass: low', 'riskClass: low, environment: prod')
  expect(read(sampleFleet + apart).spec?.policies.map(p => p.id)).toEqual([
    'low@1',
    'strict@1',
    'medium@1',
    'high@1',
  ])
  const nowhere = second.replace('riskClass: low', 'riskClass: low, environment: prd')
  expect(read(sampleFleet + nowhere).problems[0]?.cure).toBe('use `prod`')
})

test('a thousand documents, in one run', () => {
  const documents = Array.from({ length: 996 }, (_, i) =>
    sampleFleet
      .slice(sampleFleet.indexOf('kind: Blueprint'), sampleFleet.indexOf('---\nkind: Policy'))
      .replace('name: route-late', `name: family-${i}`),
  )
  const files = Array.from({ length: 12 }, (_, i) => ({
    path: `families/${i}.yaml`,
    text: documents.slice(i * 83, (i + 1) * 83).join('---\n'),
  }))
  const { spec, problems } = readFleet([{ path: 'muster.yaml', text: sampleFleet }, ...files])
  expect(problems).toEqual([])
  expect(spec?.blueprints.size).toBe(997)
})
