import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { readConnections } from './index.ts'

const env = {
  MUSTER_CONNECTION_WAREHOUSE_EU: 'postgres://reader:hunter2@db.example:5433/sales?sslmode=require',
  MUSTER_CONNECTION_LAKE: 's3://AKIA:se%2Fcret@127.0.0.1:9000/readings?tls=false&region=eu-west-1',
  MUSTER_CONNECTION_OPEN: 's3://s3.eu-central-1.example/public-data',
  MUSTER_CONNECTION_OFF: '',
  PATH: '/bin',
}

test('connections are read from the environment, by name', () => {
  const connections = readConnections(env)
  expect(connections.names).toEqual(['lake', 'open', 'warehouse-eu'])
  expect(connections.get('warehouse-eu')).toEqual({
    kind: 'postgres',
    url: env.MUSTER_CONNECTION_WAREHOUSE_EU,
  })
  expect(connections.of('lake', 's3')).toEqual({
    kind: 's3',
    endpoint: 'http://127.0.0.1:9000',
    region: 'eu-west-1',
    bucket: 'readings',
    credentials: { accessKeyId: 'AKIA', secretAccessKey: 'se/cret' },
  })
  expect(connections.of('open', 's3')).toMatchObject({
    endpoint: 'https://s3.eu-central-1.example',
    credentials: undefined,
  })
})

test('what is missing is told with the names that there are, and with no secret', () => {
  const connections = readConnections(env)
  const told = (act: () => unknown) => {
    try {
      act()
      return 'nothing'
    } catch (error) {
      const { code, message, hint } = error as { code: string; message: string; hint: string }
      return `${code}: ${message}; ${hint}`
    }
  }
  expect([
    told(() => connections.get('warehouse')),
    told(() => connections.of('lake', 'postgres')),
    told(() => readConnections({}).get('lake')),
  ]).toMatchInlineSnapshot(`
    [
      "E_SOURCE: there is no connection \`warehouse\`; name one of \`lake\`, \`open\`, \`warehouse-eu\`, or start Muster with MUSTER_CONNECTION_WAREHOUSE",
      "E_SOURCE: the connection \`lake\` is s3, not postgres; name one of postgres://..., or set MUSTER_CONNECTION_LAKE to that",
      "E_SOURCE: there is no connection \`lake\`; start Muster with MUSTER_CONNECTION_LAKE=postgres://... or s3://...",
    ]
  `)
  const shown = [inspect(connections, { depth: 9, showHidden: true }), JSON.stringify(connections)]
  expect(shown.join()).not.toMatch(/hunter2|cret|AKIA|example/)
})

test('what cannot be meant is refused by the name of its variable, never with its value', () => {
  const wrong = {
    A: 'hunter2',
    B: 'postgres://hunter2@/x',
    C: 'postgres://u:hunter2@host',
    D: 'mysql://u:hunter2@host/x',
    E: 's3://u:hunter2@host',
    F: 's3://u:hunter2@host/Bucket',
    G: 's3://u:hunter2@host/bucket?tls=hunter2',
    H: 's3://hunter2@host/bucket',
    I: 's3://u:hunter2%@host/bucket',
    J: 'postgres://u:hunter2@ho st/x',
    _K: 'postgres://u:hunter2@host/x',
    l: 'postgres://u:hunter2@host/x',
    'M N': 'postgres://u:hunter2@host/x',
  }
  for (const [name, value] of Object.entries(wrong)) {
    const variable = `MUSTER_CONNECTION_${name}`
    try {
      readConnections({ [variable]: value })
      expect.unreachable(value)
    } catch (error) {
      expect(error, value).toMatchObject({ code: 'E_USAGE', field: variable })
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('hunter2')
    }
  }
})
