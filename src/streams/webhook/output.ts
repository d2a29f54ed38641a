import { lookup as lookUp } from 'node:dns'
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { Webhook } from 'standardwebhooks'
import type { Clock } from '../../base/clock.ts'
import { MusterError } from '../../base/errors.ts'
import { isPublicAddress, type WebhookConnection } from '../../sources/index.ts'
import { reasonOf } from '../broker-input.ts'
import type { OutgoingMessage, StreamOutput } from '../message.ts'

/*
 * POSTs each message to the address of the connection, signed as Standard Webhooks 1.0 say:
 * webhook-id, webhook-timestamp and webhook-signature (HMAC-SHA256 over the three). The address is
 * the operator's; where its name leads is checked when it is connected to, every time, for a name
 * may lead elsewhere a second later.
 */

/** From the first byte sent to the last one read. */
const answerMs = 5_000
/** Nothing in an answer is of use but its status; more than this is not read. */
const answerBytesMax = 65_536
/** Receivers are often small. */
const concurrencyMost = 8

/** Of 4xx those that say: later. The others say: never. */
const passing = new Set([408, 425, 429])

/** What answers otherwise than 2xx has not taken the message. Redirects are not followed. */
export function webhookOutput(connection: WebhookConnection, clock: Clock): StreamOutput {
  const signer = new Webhook(connection.secret)
  const open = new Set<ClientRequest>()
  const send = async ({ id, headers, body }: OutgoingMessage): Promise<Error | undefined> => {
    const text = Buffer.from(body).toString()
    const at = clock.now()
    return post(connection, open, text, {
      'content-type': 'application/json',
      ...headers,
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
      'webhook-signature': signer.sign(id, at, text),
    })
  }
  return {
    async send(messages) {
      const outcomes = new Array<Error | undefined>(messages.length)
      let next = 0
      const lane = async (): Promise<void> => {
        for (let i = next++; i < messages.length; i = next++) {
          outcomes[i] = await send(messages[i]!)
        }
      }
      await Promise.all(Array.from({ length: Math.min(concurrencyMost, messages.length) }, lane))
      return outcomes
    },
    async [Symbol.asyncDispose]() {
      for (const request of open) request.destroy()
    },
  }
}

function post(
  { url, private: mayBePrivate }: WebhookConnection,
  open: Set<ClientRequest>,
  text: string,
  headers: Readonly<Record<string, string>>,
): Promise<Error | undefined> {
  const { promise, resolve } = Promise.withResolvers<Error | undefined>()
  const { protocol, hostname } = new URL(url)
  const literal = hostname.replace(/^\[|\]$/g, '')
  // A literal address is never looked up, so it is looked at here.
  if (!mayBePrivate && isIP(literal) !== 0 && !isPublicAddress(literal)) {
    return Promise.resolve(denied())
  }
  const request = (protocol === 'https:' ? httpsRequest : httpRequest)(url, {
    method: 'POST',
    headers: { ...headers, 'content-length': Buffer.byteLength(text) },
    agent: false,
    signal: AbortSignal.timeout(answerMs),
    ...(mayBePrivate ? {} : { lookup: publicLookup }),
  })
  open.add(request)
  request.on('response', answer => resolve(outcomeOf(answer)))
  request.on('error', error => {
    const because = error.name === 'AbortError' || /abort/i.test(error.message)
    resolve(because ? new Error(`it did not answer within ${answerMs / 1_000} s`) : readable(error))
  })
  request.on('close', () => open.delete(request))
  request.end(text)
  return promise
}

async function outcomeOf(answer: IncomingMessage): Promise<Error | undefined> {
  const status = answer.statusCode ?? 0
  let bytes = 0
  try {
    for await (const chunk of answer) {
      bytes += (chunk as Buffer).length
      if (bytes > answerBytesMax) break
    }
  } catch (error) {
    return readable(error)
  } finally {
    answer.destroy()
  }
  if (status >= 200 && status < 300) return undefined
  if (status >= 400 && status < 500 && !passing.has(status)) {
    return new MusterError('E_SINK', `it answered ${status}: it will not take this`, {
      hint: 'see to the receiver, then replay the letter',
    })
  }
  const redirect = status >= 300 && status < 400 ? ', a redirect, which is not followed' : ''
  return new Error(`it answered ${status}${redirect}`)
}

/** The addresses of a name, all of which must be public. */
const publicLookup: LookupFunction = (hostname, options, done) => {
  lookUp(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return done(error, '', 4)
    if (addresses.length === 0 || addresses.some(({ address }) => !isPublicAddress(address))) {
      return done(denied() as NodeJS.ErrnoException, '', 4)
    }
    if (options.all) return done(null, addresses)
    done(null, addresses[0]!.address, addresses[0]!.family)
  })
}

function denied(): Error {
  return new MusterError('E_EGRESS_DENIED', 'the webhook is of this machine or network', {
    hint: 'the operator may allow it: &private=true on the connection',
  })
}

function readable(error: unknown): Error {
  return error instanceof MusterError ? error : new Error(reasonOf(error))
}
