import { join } from 'node:path'
import { type FleetSpec, readFleet } from '../../src/spec/index.ts'

/* The declaration of the benchmark's join: what a user would write for the same question. */

const columns = ['a', 'b', 'c'] as const

/** `kept`: the feature tables are pushed sources, which Muster keeps sorted by entity and time. */
export function joinFleet(folder: string, views: number, kept: boolean) {
  const documents = [
    'apiVersion: muster/v1\nfleet: bench\ndefaults: { owner: bench, riskClass: low }',
    `kind: Source\nname: spine\nfiles: ${join(folder, 'spine.parquet')}\neventTime: event_timestamp`,
  ]
  for (let v = 0; v < views; v++) {
    const types = columns.map(name => `${name}${v}: DOUBLE`).join(', ')
    const place = kept
      ? `push: { partition: month }\nkey: [entity]\ncolumns: { entity: BIGINT, ` +
        `event_timestamp: TIMESTAMP, ${types} }`
      : `files: ${join(folder, `view${v}.parquet`)}`
    documents.push(
      `kind: Source\nname: view${v}\n${place}\neventTime: event_timestamp`,
      `kind: FeatureGroup\nname: g${v}\nsource: view${v}\nlatest:\n  - by: [entity]\n` +
        `    values: { ${columns.map(name => `${name}${v}: ${name}${v}`).join(', ')} }\n    ttl: 30d`,
    )
  }
  const features = Array.from({ length: views }, (_, v) =>
    columns.map(name => `  ${name}${v}: { from: g${v}.${name}${v} }`).join('\n'),
  )
  documents.push(
    `kind: FeatureView\nname: joined\nversion: 1\nrows: spine\nfeatures:\n  rid: {}\n${features.join('\n')}`,
  )
  const text = documents.join('\n---\n')
  const { spec, problems } = readFleet([{ path: 'muster.yaml', text }], { dataRoots: [folder] })
  if (!spec) throw new Error(problems.map(problem => problem.message).join('\n'))
  return partsOf(spec)
}

function partsOf(spec: FleetSpec) {
  const view = spec.views.get('joined@1')
  if (!view) throw new Error('the view was declared')
  return { sources: [...spec.sources.values()], groups: [...spec.groups.values()], view }
}
