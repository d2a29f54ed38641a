import { MusterError } from '../base/errors.ts'
import { mayBePublicHost } from './egress.ts'

/* Connections to brokers, and to addresses that results are posted to. */

export interface AmqpConnection {
  readonly kind: 'amqp'
  /** `amqp://` or `amqps://`, with credentials and virtual host. */
  readonly url: string
}

/** Of which one is enough to find the others. */
interface Servers {
  /** `host:port` each. */
  readonly servers: readonly string[]
  readonly tls: boolean
  readonly login: { readonly user: string; readonly password: string } | undefined
}

export interface NatsConnection extends Servers {
  readonly kind: 'nats'
}

export interface KafkaConnection extends Servers {
  readonly kind: 'kafka'
  /** SASL, when there is a login. */
  readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
}

export interface MqttConnection {
  readonly kind: 'mqtt'
  /** `mqtt://` or `mqtts://`, without credentials. */
  readonly url: string
  readonly login: { readonly user: string; readonly password: string } | undefined
}

export interface WebhookConnection {
  readonly kind: 'webhook'
  /** Without its fragment, which held the secret. */
  readonly url: string
  /** `whsec_` and base64: what signs, after Standard Webhooks. */
  readonly secret: string
  /** Whether it may be of this machine or a private network. */
  readonly private: boolean
}

export type BrokerConnection = AmqpConnection | NatsConnection | KafkaConnection | MqttConnection

/** Where one may look whether anybody listens. */
export function firstServerOf(connection: BrokerConnection | WebhookConnection): {
  readonly host: string
  readonly port: number
} {
  const url = new URL('url' in connection ? connection.url : `tcp://${connection.servers[0]}`)
  const port = Number(url.port) || ports[url.protocol.slice(0, -1) as keyof typeof ports]
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port }
}

type Wrong = (what: string, hint: string) => MusterError

const ports = {
  amqp: 5672,
  amqps: 5671,
  nats: 4222,
  kafka: 9092,
  mqtt: 1883,
  mqtts: 8883,
  http: 80,
  https: 443,
}

export const brokerForms = {
  amqp: 'amqp://user:password@host:5672/vhost',
  nats: 'nats://user:password@host:4222,other:4222?tls=true',
  kafka: 'kafka://user:password@host:9092,other:9092?tls=true&mechanism=SCRAM-SHA-256',
  mqtt: 'mqtt://user:password@host:1883',
  webhook: 'https://host/path#secret=whsec_...',
}

/** Undefined when the value is of none of these forms. `wrong` makes an E_USAGE. */
export function readBrokerConnection(
  value: string,
  wrong: Wrong,
): BrokerConnection | WebhookConnection | undefined {
  const scheme = /^([a-z]+):\/\//i.exec(value)?.[1]?.toLowerCase()
  switch (scheme) {
    case 'amqp':
    case 'amqps':
      parsed(value, wrong, brokerForms.amqp)
      return { kind: 'amqp', url: value }
    case 'nats': {
      const { mechanism: _, ...read } = readServers(value, wrong, 'nats')
      return { kind: 'nats', ...read }
    }
    case 'kafka':
      return { kind: 'kafka', ...readServers(value, wrong, 'kafka') }
    case 'mqtt':
    case 'mqtts': {
      const url = parsed(value, wrong, brokerForms.mqtt)
      return {
        kind: 'mqtt',
        url: `${scheme}://${url.hostname}:${url.port || ports[scheme]}`,
        login: loginOf(url.username, url.password, wrong),
      }
    }
    case 'http':
    case 'https':
      return readWebhook(value, wrong)
    default:
      return undefined
  }
}

function parsed(value: string, wrong: Wrong, form: string): URL {
  const url = URL.parse(value)
  if (url?.hostname) return url
  throw wrong('is no address', `of the form ${form}, with %-escapes`)
}

/** Several hosts, which a URL does not have. */
function readServers(value: string, wrong: Wrong, kind: 'nats' | 'kafka') {
  const form = brokerForms[kind]
  const [, login, hosts = '', query] =
    /^[a-z]+:\/\/(?:([^@/?#]*)@)?([^@/?#]+)\/?(?:\?([^#]*))?$/i.exec(value) ?? []
  const servers = hosts.split(',').map(host => {
    const url = URL.parse(`tcp://${host}`)
    if (!url?.hostname || url.pathname !== '') throw wrong('is no address', `write ${form}`)
    return `${url.hostname}:${url.port || ports[kind]}`
  })
  const options = new URLSearchParams(query)
  const tls = options.get('tls') ?? 'false'
  const mechanism = options.get('mechanism') ?? 'PLAIN'
  const known = kind === 'kafka' ? ['tls', 'mechanism'] : ['tls']
  const isKnown = [...options.keys()].every(key => known.includes(key))
  if (!isKnown || !/^(true|false)$/.test(tls) || !isMechanism(mechanism)) {
    throw wrong('has a wrong option', `write ${form}`)
  }
  const [user = '', ...password] = (login ?? '').split(':')
  return {
    servers,
    tls: tls === 'true',
    login: loginOf(user, password.join(':'), wrong),
    mechanism,
  }
}

function isMechanism(word: string): word is KafkaConnection['mechanism'] {
  return ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'].includes(word)
}

function loginOf(user: string, password: string, wrong: Wrong): Servers['login'] {
  if (user === '' && password === '') return undefined
  if (user === '' || password === '') {
    throw wrong('has half of its credentials', 'write both: user:password@host')
  }
  try {
    return { user: decodeURIComponent(user), password: decodeURIComponent(password) }
  } catch {
    throw wrong('has a stray %', 'write % itself as %25, / as %2F, + as %2B')
  }
}

/** The secret stands in the fragment, which no client ever sends. */
function readWebhook(value: string, wrong: Wrong): WebhookConnection {
  const url = parsed(value, wrong, brokerForms.webhook)
  const options = new URLSearchParams(url.hash.slice(1))
  const secret = options.get('secret') ?? ''
  const isPrivate = options.get('private') ?? 'false'
  const isKnown = [...options.keys()].every(key => key === 'secret' || key === 'private')
  if (!isKnown || !/^(true|false)$/.test(isPrivate)) {
    throw wrong('has a wrong option', 'use #secret=whsec_... and &private=true')
  }
  if (!/^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/.test(secret)) {
    throw wrong('has no usable secret', 'add #secret=whsec_ and 24 to 64 random bytes as base64')
  }
  if (url.username !== '' || url.password !== '') {
    throw wrong('has credentials', 'leave them out: what is sent is signed with the secret')
  }
  if (isPrivate === 'false' && !(url.protocol === 'https:' && mayBePublicHost(url.hostname))) {
    throw new MusterError('E_EGRESS_DENIED', wrong('is of this machine or network', '').message, {
      hint: 'name a public https address; of one that is meant, say so: &private=true',
    })
  }
  url.hash = ''
  return { kind: 'webhook', url: url.href, secret, private: isPrivate === 'true' }
}
