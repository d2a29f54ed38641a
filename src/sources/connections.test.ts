import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { readConnections } from './index.ts'

const secret = `whsec_${'c2VjcmV0'.repeat(4)}`

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
      "E_SOURCE: there is no connection \`lake\`; start Muster with MUSTER_CONNECTION_LAKE=postgres://..., s3://..., amqp://... and the like",
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
    N: 'amqp://u:hunter2@ho st',
    O: 'nats://u:hunter2@host:x',
    P: 'kafka://u:hunter2@host:9092?mechanism=hunter2',
    Q: 'kafka://hunter2@host:9092',
    R: 'mqtt://u:hunter2%@host',
    S: 'https://host.example/x#secret=hunter2',
    T: `https://u:hunter2@host.example/x#secret=${secret}`,
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

test('brokers and webhooks', () => {
  const connections = readConnections({
    MUSTER_CONNECTION_PLANT: 'amqp://u:p@rabbit.example:5672/plant',
    MUSTER_CONNECTION_BUS: 'nats://a.example:4222,b.example',
    MUSTER_CONNECTION_LOG:
      'kafka://u:p%40@a.example,b.example:9093?tls=true&mechanism=SCRAM-SHA-256',
    MUSTER_CONNECTION_FIELD: 'mqtts://u:p@broker.example',
    MUSTER_CONNECTION_HOOK: `https://hooks.example/in?x=1#secret=${secret}`,
    MUSTER_CONNECTION_NEAR: `http://127.0.0.1:8080/in#secret=${secret}&private=true`,
  })
  expect(connections.names.map(name => connections.get(name))).toEqual([
    { kind: 'nats', servers: ['a.example:4222', 'b.example:4222'], tls: false, login: undefined },
    {
      kind: 'mqtt',
      url: 'mqtts://broker.example:8883',
      login: { user: 'u', password: 'p' },
    },
    { kind: 'webhook', url: 'https://hooks.example/in?x=1', secret, private: false },
    {
      kind: 'kafka',
      servers: ['a.example:9092', 'b.example:9093'],
      tls: true,
      login: { user: 'u', password: 'p@' },
      mechanism: 'SCRAM-SHA-256',
    },
    { kind: 'webhook', url: 'http://127.0.0.1:8080/in', secret, private: true },
    { kind: 'amqp', url: 'amqp://u:p@rabbit.example:5672/plant' },
  ])
})

test('a webhook of this machine or network has to be meant (C81)', () => {
  for (const host of [
    '127.1',
    '0x7f000001',
    '[::ffff:127.0.0.1]',
    '[64:ff9b::7f00:1]',
    '169.254.169.254',
    '[fd00:ec2::254]',
    '①②⑦.0.0.1',
    'localhost.',
    'printer',
    'db.internal',
    '10.1.2.3',
    '[::]',
    '[2002:7f00:1::]',
  ]) {
    const env = { MUSTER_CONNECTION_HOOK: `https://${host}/in#secret=${secret}` }
    expect(() => readConnections(env), host).toThrow(
      expect.objectContaining({ code: 'E_EGRESS_DENIED' }),
    )
  }
  const plain = { MUSTER_CONNECTION_HOOK: `http://hooks.example/in#secret=${secret}` }
  expect(() => readConnections(plain)).toThrow(expect.objectContaining({ code: 'E_EGRESS_DENIED' }))
  const file = { MUSTER_CONNECTION_HOOK: `file:///etc/passwd#secret=${secret}` }
  expect(() => readConnections(file)).toThrow(expect.objectContaining({ code: 'E_USAGE' }))
})
