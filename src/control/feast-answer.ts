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

/** Below this a text is cheaper, which the server writes in one piece with the head of HTTP. */
const bufferRowsMin = 8

/** `head` is the metadata as JSON; entities come first, as they were asked for. */
export function feastAnswer(
  head: string,
  rows: number,
  entities: Entities,
  features: readonly WireFeature[],
): Buffer | string {
  const known = toldText(
    new Array<VectorStatus>(rows).fill('PRESENT'),
    new Array<number>(rows).fill(Number.NaN),
  )
  const values: string[] = []
  const told: string[] = []
  for (const list of Object.values(entities)) {
    values.push(`${values.length > 0 ? ',' : ''}{"values":${JSON.stringify(list)}`)
    told.push(known)
  }
  let last: WireFeature | undefined
  let text = known
  for (const feature of features) {
    if (feature.statuses !== last?.statuses || feature.eventMs !== last.eventMs) {
      text = toldText(feature.statuses, feature.eventMs)
    }
    last = feature
    values.push(`,{"values":${JSON.stringify(feature.values)}`)
    told.push(text)
  }
  const begin = `{"metadata":${head},"results":[`
  if (rows >= bufferRowsMin) return joined(begin, values, told)
  let answer = begin
  for (let i = 0; i < values.length; i++) answer += values[i]! + told[i]!
  return answer + tail
}

/** What stands again and again is encoded once, and copied. */
function joined(begin: string, values: readonly string[], told: readonly string[]): Buffer {
  let length = Buffer.byteLength(begin) + tail.length
  let bytes = Buffer.alloc(0)
  const copied = told.map((text, i) => {
    if (text !== told[i - 1]) bytes = Buffer.from(text)
    length += bytes.length + Buffer.byteLength(values[i]!)
    return bytes
  })
  const answer = Buffer.allocUnsafe(length)
  let at = answer.write(begin)
  for (let i = 0; i < values.length; i++) {
    at += answer.write(values[i]!, at)
    answer.set(copied[i]!, at)
    at += copied[i]!.length
  }
  answer.write(tail, at)
  return answer
}

function toldText(statuses: readonly VectorStatus[], eventMs: readonly number[]): string {
  const times = timesText(eventMs)
  return `,"statuses":["${statuses.join('","')}"],"event_timestamps":[${times}]}`
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
