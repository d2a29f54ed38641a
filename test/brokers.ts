import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { whyWithout } from './debian.ts'

/*
 * Brokers of one's own: real servers on free ports of this machine, with their data in a folder
 * that goes with them. RabbitMQ, NATS and Mosquitto are Debian's; Kafka is its own jars, which
 * Maven fetches once into a folder outside of the repository.
 */

export interface TestBroker extends AsyncDisposable {
  /** As in MUSTER_CONNECTION_<NAME>. */
  readonly url: string
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
      return whyWithout('/usr/sbin/rabbitmq-server', 'rabbitmq-server')
    case 'nats':
      return whyWithout('nats-server')
    case 'mqtt':
      return whyWithout('/usr/sbin/mosquitto', 'mosquitto')
    case 'kafka':
      return (
        whyWithout('java', 'default-jre-headless') ??
        (existsSync(kafkaJars) ? undefined : whyWithout('mvn', 'maven'))
      )
  }
}

export async function startBroker(kind: BrokerKind): Promise<TestBroker> {
  const home = await mkdtemp(join(tmpdir(), `muster-${kind}-`))
  const port = await freePort()
  const parts = await programs[kind](home, port)
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

const programs: Record<BrokerKind, (home: string, port: number) => Promise<Program>> = {
  async amqp(home, port) {
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
    await writeFile(join(home, 'rabbitmq.conf'), 'disk_free_limit.absolute = 50MB\n')
    return {
      program: '/usr/lib/rabbitmq/bin/rabbitmq-server',
      words: [],
      env,
      after: () => {
        spawnSync('epmd', ['-port', String(mapper), '-kill'])
      },
    }
  },
  async nats(home, port) {
    const words = ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', home]
    return { program: 'nats-server', words }
  },
  async mqtt(home, port) {
    const settings = [
      `listener ${port} 127.0.0.1`,
      'allow_anonymous true',
      'persistence true',
      `persistence_location ${home}/`,
      'max_queued_messages 0',
      'user root',
    ]
    await writeFile(join(home, 'mosquitto.conf'), `${settings.join('\n')}\n`)
    const words = ['-c', join(home, 'mosquitto.conf')]
    return { program: '/usr/sbin/mosquitto', words, signal: 'SIGTERM' }
  },
  async kafka(home, port) {
    await fetchKafka()
    const controller = await freePort()
    const properties = {
      'process.roles': 'broker,controller',
      'node.id': 1,
      'controller.quorum.voters': `1@127.0.0.1:${controller}`,
      listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
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
