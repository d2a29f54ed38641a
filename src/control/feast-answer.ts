import type { VectorStatus } from '../features/index.ts'
import type { Entities, WireFeature } from './vectors.ts'

/*
 * The answer of Feast's feature server as the bytes of its JSON, put together by hand: features of
 * the same rows mostly share their statuses and times, which are most of the bytes and are spelled
 * once here, where JSON.stringify would spell them for each feature.
 */

/** What Feast gives for what has no time. */
const noTime = '1970-01-01T00:00:00Z'
const tail = '],"status":true}'

/** `head` is the metadata as JSON; entities come first, as they were asked for. */
export function feastAnswer(
  head: string,
  rows: number,
  entities: Entities,
  features: readonly WireFeature[],
): Buffer {
  const known = toldBytes(
    new Array<VectorStatus>(rows).fill('PRESENT'),
    new Array<number>(rows).fill(Number.NaN),
  )
  const texts: string[] = []
  const told: Buffer[] = []
  for (const values of Object.values(entities)) {
    texts.push(`${texts.length > 0 ? ',' : ''}{"values":${JSON.stringify(values)}`)
    told.push(known)
  }
  let last: WireFeature | undefined
  let bytes = known
  for (const feature of features) {
    if (feature.statuses !== last?.statuses || feature.eventMs !== last.eventMs) {
      bytes = toldBytes(feature.statuses, feature.eventMs)
    }
    last = feature
    texts.push(`,{"values":${JSON.stringify(feature.values)}`)
    told.push(bytes)
  }
  return joined(`{"metadata":${head},"results":[`, texts, told)
}

function joined(head: string, texts: readonly string[], told: readonly Buffer[]): Buffer {
  let length = Buffer.byteLength(head) + tail.length
  for (const text of texts) length += Buffer.byteLength(text)
  for (const bytes of told) length += bytes.length
  const answer = Buffer.allocUnsafe(length)
  let at = answer.write(head)
  for (let i = 0; i < texts.length; i++) {
    at += answer.write(texts[i]!, at)
    answer.set(told[i]!, at)
    at += told[i]!.length
  }
  answer.write(tail, at)
  return answer
}

function toldBytes(statuses: readonly VectorStatus[], eventMs: readonly number[]): Buffer {
  const times = timesText(eventMs)
  return Buffer.from(`,"statuses":["${statuses.join('","')}"],"event_timestamps":[${times}]}`)
}

/** Rows mostly came in deliveries: neighbours are often of one time, which is spelled once. */
function timesText(eventMs: readonly number[]): string {
  let lastMs = Number.NaN
  let last = noTime
  const texts = eventMs.map(ms => {
    if (!Object.is(ms, lastMs)) {
      lastMs = ms
      last = Number.isNaN(ms) ? noTime : new Date(ms).toISOString()
    }
    return last
  })
  return `"${texts.join('","')}"`
}
