import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'amqplib'
import type { SeededRandom } from '../src/base/random.ts'
import type { Store } from '../src/store/index.ts'
import { type Child, startChild } from './child.ts'

/*
 * Messages are published through RabbitMQ while the node that takes them is killed at random
 * moments; some of the messages kill it themselves. Used by the test and by `sim/kill-trigger.ts`.
 */

export interface KillsAsk {
  readonly store: Store
  readonly databaseUrl: string
  readonly brokerUrl: string
  readonly queue: string
  readonly messages: number
  /** By us, between two published batches, beside those of poisoned messages. */
  readonly kills: number
  readonly poisoned: number
  readonly random: SeededRandom
}

export interface KillsFound {
  readonly published: number
  /** How often the node died. */
  readonly deaths: number
  readonly stored: number
  readonly lost: number
  readonly doubled: number
  readonly wrong: number
  readonly letters: number
  /** How often poisoned messages ran, all together. */
  readonly poisonRuns: number
  /** Left in the queue at the end. */
  readonly left: number
}

const batch = 100

export async function killsOfTrigger(ask: KillsAsk): Promise<KillsFound> {
  const { store, queue, messages, poisoned, random } = ask
  const connection = await connect(ask.brokerUrl)
  const channel = await connection.createConfirmChannel()
  await channel.assertQueue(queue, { durable: true })
  const node = new Node(ask)
  await node.start()
  // After the last kill of ours, so that every attempt of theirs is their own doing.
  const first = Math.ceil(0.8 * messages)
  const bad = new Set(
    Array.from({ length: poisoned }, (_, i) =>
      Math.floor(first + ((messages - first) * i) / poisoned),
    ),
  )
  const killEvery = Math.max(1, Math.floor((0.8 * messages) / batch / ask.kills))
  let ours = 0
  for (let from = 0; from < messages; from += batch) {
    for (let n = from; n < Math.min(messages, from + batch); n++) {
      const body = JSON.stringify(bad.has(n) ? { n, kill: true } : { n })
      channel.sendToQueue(queue, Buffer.from(body), { messageId: `m-${n}`, persistent: true })
    }
    await channel.waitForConfirms()
    await sleep(random.below(60))
    if (from + batch <= first && (from / batch) % killEvery === killEvery - 1 && ours < ask.kills) {
      ours++
      await node.kill()
    }
  }
  const settled = async () => {
    const row = await store.one<{ done: number }>(
      `select count(*) as "done" from trigger_message where trigger = $1 and state <> 'running'`,
      [`${queue}/in`],
    )
    return row!.done === messages
  }
  for (let tries = 0; tries < 1_200 && !(await settled()); tries++) await sleep(100)
  // What was committed last is acknowledged now.
  await sleep(300)
  await node.end()
  const { messageCount } = await channel.checkQueue(queue)
  await connection.close()
  return { ...(await found(ask, bad)), ...node.told, left: messageCount }
}

async function found({ store, queue, messages }: KillsAsk, bad: ReadonlySet<number>) {
  const rows = await store.all<{ id: string; twice: number; times: number }>(
    `select message_id as "id", max((result ->> 'twice')::int) as "twice", count(*) as "times"
     from results."${queue}" group by message_id`,
  )
  const stored = new Map(rows.map(row => [row.id, row]))
  const wanted = Array.from({ length: messages }, (_, n) => n).filter(n => !bad.has(n))
  const letters = await store.one<{ letters: number }>(
    `select count(*) as "letters" from dead_letter where graph = $1 and code = 'E_POISON'`,
    [queue],
  )
  return {
    published: messages,
    stored: rows.length,
    lost: wanted.filter(n => !stored.has(`m-${n}`)).length,
    doubled: rows.filter(({ times }) => times > 1).length,
    wrong: wanted.filter(n => (stored.get(`m-${n}`)?.twice ?? 2 * n) !== 2 * n).length,
    letters: letters!.letters,
  }
}

/** One that is started again whenever it dies. */
class Node {
  readonly #ask: KillsAsk
  #child: Child | undefined
  #ending = false
  #deaths = 0
  #poisonRuns = 0
  #watched: Promise<void> = Promise.resolve()

  constructor(ask: KillsAsk) {
    this.#ask = ask
  }

  get told() {
    return { deaths: this.#deaths, poisonRuns: this.#poisonRuns }
  }

  async start(): Promise<void> {
    const { databaseUrl, brokerUrl, queue } = this.#ask
    const child = startChild('run-trigger', databaseUrl, brokerUrl, queue)
    this.#child = child
    await child.line()
    this.#watched = this.#watch(child)
  }

  async #watch(child: Child): Promise<void> {
    for (let line = await child.line(); line !== undefined; line = await child.line()) {
      if (line.startsWith('kills')) this.#poisonRuns++
    }
    if (this.#ending) return
    this.#deaths++
    void this.start()
  }

  kill(): Promise<void> {
    return this.#child!.kill('SIGKILL')
  }

  async end(): Promise<void> {
    this.#ending = true
    await this.#child?.end()
    await this.#watched
  }
}
