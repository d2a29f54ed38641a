import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Certificates, makeCertificates } from './certificates.ts'
import { whyWithout } from './debian.ts'

/*
 * Brokers of one's own: real servers on free ports of this machine, with their data in a folder
 * that goes with them. RabbitMQ, NATS and Mosquitto are Debian's; Kafka is its own jars, which
 * Maven fetches once into a folder outside of the repository.
 */

export interface TestBroker extends AsyncDisposable {
  /** As in MUSTER_CONNECTION_<NAME>. */
  readonly url: string
  /** The same broker over TLS, by a certificate of `ca`, and with a password. */
  readonly safeUrl: string
  readonly ca: string
  readonly port: number
  /** `kill -9`; its data stays. Of Mosquitto, which writes its data when it ends: a `kill`. */
  kill(): Promise<void>
  /** Again, on the same port and data. */
  start(): Promise<void>
}

export type BrokerKind = 'amqp' | 'nats' | 'mqtt' | 'kafka'

/** Why a broker cannot be had here; undefined when it can. */
export function whyWithoutBroker(kind: BrokerKind): string | undefined {
  switch (kind) {
    case 'amqp':
      // Not on the path of everybody: Debian puts it with the administrator's programs.
      return whyWithout('openssl') ?? whyWithout('/usr/sbin/rabbitmq-server', 'rabbitmq-server')
    case 'nats':
      return whyWithout('openssl') ?? whyWithout('nats-server')
    case 'mqtt':
      return whyWithout('openssl') ?? whyWithout('/usr/sbin/mosquitto', 'mosquitto')
    case 'kafka':
      return (
        whyWithout('openssl') ??
        whyWithout('java', 'default-jre-headless') ??
        (existsSync(kafkaJars) ? undefined : whyWithout('mvn', 'maven'))
      )
  }
}

export async function startBroker(kind: BrokerKind): Promise<TestBroker> {
  const home = await mkdtemp(join(tmpdir(), `muster-${kind}-`))
  const port = await freePort()
  const safe = { port: await freePort(), certificates: makeCertificates(home) }
  const parts = await programs[kind](home, port, safe)
  let server: ChildProcess | undefined
  const start = async (): Promise<void> => {
    server = spawn(parts.program, parts.words, {
      cwd: home,
      env: { ...process.env, ...parts.env },
      stdio: 'ignore',
      detached: true,
    })
    await listening(port, server)
  }
  const kill = async (): Promise<void> => {
    if (!server || server.exitCode !== null || server.signalCode !== null) return
    const ended = once(server, 'exit')
    // The whole group: RabbitMQ's script starts the machine of Erlang.
    process.kill(-server.pid!, parts.signal ?? 'SIGKILL')
    await ended
    while (await accepts(port)) await sleep(10)
  }
  await start()
  return {
    url: `${kind}://127.0.0.1:${port}`,
    safeUrl: safeUrls[kind](kind === 'nats' ? port : safe.port),
    ca: safe.certificates.ca,
    port,
    kill,
    start,
    async [Symbol.asyncDispose]() {
      await kill()
      parts.after?.()
      await rm(home, { recursive: true, force: true })
    },
  }
}

interface Program {
  readonly program: string
  readonly words: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly signal?: NodeJS.Signals
  readonly after?: () => void
}

/** Who may come in over TLS; every sign that a URL escapes. */
const login = { user: 'muster', password: 'p@ss/w+rd%1' }
const written = `${login.user}:${encodeURIComponent(login.password)}@127.0.0.1`
const safeUrls: Record<BrokerKind, (port: number) => string> = {
  amqp: port => `amqps://${written}:${port}`,
  nats: port => `nats://${written}:${port}?tls=true`,
  kafka: port => `kafka://${written}:${port}?tls=true`,
  mqtt: port => `mqtts://${written}:${port}`,
}

interface SafeListener {
  readonly port: number
  readonly certificates: Certificates
}

type MakeProgram = (home: string, port: number, safe: SafeListener) => Promise<Program>

const programs: Record<BrokerKind, MakeProgram> = {
  async amqp(home, port, { port: safePort, certificates }) {
    // Erlang's port mapper, which outlives the server that started it.
    const mapper = await freePort()
    const env = {
      HOME: home,
      ERL_EPMD_PORT: String(mapper),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      RABBITMQ_NODENAME: `test${port}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_DIST_PORT: String(await freePort()),
      RABBITMQ_MNESIA_BASE: join(home, 'data'),
      RABBITMQ_LOG_BASE: home,
      RABBITMQ_LOGS: join(home, 'log'),
      RABBITMQ_CONFIG_FILE: join(home, 'rabbitmq.conf'),
      RABBITMQ_GENERATED_CONFIG_DIR: join(home, 'config'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(home, 'plugins'),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 1:1',
    }
    const settings = [
      'disk_free_limit.absolute = 50MB',
      `listeners.ssl.default = 127.0.0.1:${safePort}`,
      `ssl_options.cacertfile = ${certificates.caFile}`,
      `ssl_options.certfile = ${certificates.certFile}`,
      `ssl_options.keyfile = ${certificates.keyFile}`,
      `load_definitions = ${join(home, 'definitions.json')}`,
    ]
    await writeFile(join(home, 'rabbitmq.conf'), `${settings.join('\n')}\n`)
    await writeFile(join(home, 'definitions.json'), JSON.stringify(rabbitUsers()))
    return {
      program: '/usr/lib/rabbitmq/bin/rabbitmq-server',
      words: [],
      env,
      after: () => {
        spawnSync('epmd', ['-port', String(mapper), '-kill'])
      },
    }
  },
  async nats(home, port, { certificates: { certFile, keyFile } }) {
    const settings = [
      // One port for both: who does not speak of TLS may come without.
      `tls { cert_file: "${certFile}", key_file: "${keyFile}" }`,
      'allow_non_tls: true',
      `authorization { users: [
        { user: ${login.user}, password: "${login.password}" }, { user: nobody, password: "" } ] }`,
      'no_auth_user: nobody',
    ]
    const file = join(home, 'nats.conf')
    await writeFile(file, `${settings.join('\n')}\n`)
    const words = ['-c', file, '-a', '127.0.0.1', '-p', String(port), '-js', '-sd', home]
    return { program: 'nats-server', words }
  },
  async mqtt(home, port, { port: safePort, certificates }) {
    const passwords = join(home, 'passwords')
    const words = ['-b', '-c', passwords, login.user, login.password]
    const made = spawnSync('mosquitto_passwd', words, { encoding: 'utf8' })
    if (made.status !== 0) throw new Error(`mosquitto_passwd: ${made.stderr}`)
    const settings = [
      'per_listener_settings true',
      `listener ${port} 127.0.0.1`,
      'allow_anonymous true',
      `listener ${safePort} 127.0.0.1`,
      'allow_anonymous false',
      `password_file ${passwords}`,
      `cafile ${certificates.caFile}`,
      `certfile ${certificates.certFile}`,
      `keyfile ${certificates.keyFile}`,
      'persistence true',
      `persistence_location ${home}/`,
      'max_queued_messages 0',
      'user root',
    ]
    await writeFile(join(home, 'mosquitto.conf'), `${settings.join('\n')}\n`)
    const config = ['-c', join(home, 'mosquitto.conf')]
    return { program: '/usr/sbin/mosquitto', words: config, signal: 'SIGTERM' }
  },
  async kafka(home, port, { port: safePort, certificates }) {
    await fetchKafka()
    const controller = await freePort()
    const properties = {
      'process.roles': 'broker,controller',
      'node.id': 1,
      'controller.quorum.voters': `1@127.0.0.1:${controller}`,
      listeners: `${kafkaListeners(port, safePort)},CONTROLLER://127.0.0.1:${controller}`,
      'advertised.listeners': kafkaListeners(port, safePort),
      ...(await kafkaSafety(certificates)),
      'controller.listener.names': 'CONTROLLER',
      'log.dirs': join(home, 'log'),
      'offsets.topic.replication.factor': 1,
      'offsets.topic.num.partitions': 1,
      'transaction.state.log.replication.factor': 1,
      'transaction.state.log.min.isr': 1,
      'group.initial.rebalance.delay.ms': 0,
      'broker.session.timeout.ms': 2_000,
      'broker.heartbeat.interval.ms': 500,
      'group.min.session.timeout.ms': 1_000,
    }
    const file = join(home, 'server.properties')
    const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}`)
    await writeFile(file, `${lines.join('\n')}\n`)
    const java = [
      '-Xmx384m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      '-cp',
      `${kafkaJars}/*`,
    ]
    const format = ['kafka.tools.StorageTool', 'format', '-t', 'bXVzdGVyLW11c3Rlci0xMg', '-c', file]
    const done = spawnSync('java', [...java, ...format], { encoding: 'utf8' })
    if (done.status !== 0) throw new Error(`Kafka's folder cannot be made: ${done.stderr}`)
    return { program: 'java', words: [...java, 'kafka.Kafka', file] }
  },
}

function kafkaListeners(port: number, safePort: number): string {
  return `PLAINTEXT://127.0.0.1:${port},SASL_SSL://127.0.0.1:${safePort}`
}

async function kafkaSafety({ certFile, keyFile }: Certificates): Promise<Record<string, string>> {
  const module = 'org.apache.kafka.common.security.plain.PlainLoginModule'
  // A property is one line.
  const pem = async (file: string) => (await readFile(file, 'utf8')).trim().replaceAll('\n', '\\n')
  return {
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.certificate.chain': await pem(certFile),
    'ssl.keystore.key': await pem(keyFile),
    'sasl.enabled.mechanisms': 'PLAIN',
    'connection.failed.authentication.delay.ms': '0',
    'listener.name.sasl_ssl.plain.sasl.jaas.config': `${module} required user_${login.user}="${login.password}";`,
  }
}

/** Its own `guest`, which a file of definitions takes away, and ours. */
function rabbitUsers() {
  const users = [{ user: 'guest', password: 'guest' }, login].map(({ user, password }) => {
    const salt = randomBytes(4)
    const hash = createHash('sha256').update(salt).update(password).digest()
    const hashed = Buffer.concat([salt, hash]).toString('base64')
    const how = { hashing_algorithm: 'rabbit_password_hashing_sha256', tags: 'administrator' }
    return { name: user, password_hash: hashed, ...how }
  })
  const all = { vhost: '/', configure: '.*', write: '.*', read: '.*' }
  const permissions = users.map(({ name }) => ({ user: name, ...all }))
  return { users, vhosts: [{ name: '/' }], permissions }
}

const kafkaVersion = '3.9.1'
const kafkaJars = join(homedir(), '.cache', 'muster', `kafka-${kafkaVersion}`)

/** The broker with all that it needs, by Maven: 55 jars, 46 MB. */
async function fetchKafka(): Promise<void> {
  if (existsSync(kafkaJars)) return
  const folder = `${kafkaJars}.${process.pid}`
  await mkdir(folder, { recursive: true })
  await writeFile(
    join(folder, 'pom.xml'),
    `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
     <groupId>muster</groupId><artifactId>kafka</artifactId><version>1</version>
     <packaging>pom</packaging><dependencies><dependency><groupId>org.apache.kafka</groupId>
     <artifactId>kafka_2.13</artifactId><version>${kafkaVersion}</version></dependency>
     </dependencies></project>`,
  )
  const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'
  const words = ['-q', '-B', goal, `-DoutputDirectory=${folder}`, '-DincludeScope=runtime']
  const done = spawnSync('mvn', words, { cwd: folder, encoding: 'utf8', timeout: 300_000 })
  if (done.status !== 0) throw new Error(`Maven cannot fetch Kafka: ${done.stdout}`)
  await rename(folder, kafkaJars)
}

/** Until it accepts connections; a server that ends instead is an error. */
async function listening(port: number, server: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 1_200; tries++) {
    if (server.exitCode !== null) throw new Error(`the broker ended with ${server.exitCode}`)
    if (await accepts(port)) return
    await sleep(50)
  }
  throw new Error('the broker does not listen')
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const accepted = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'error').then(() => false),
  ]).catch(() => false)
  socket.destroy()
  return accepted
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  await once(probe, 'close')
  return port
}
