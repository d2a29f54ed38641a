/*
 * A strict reader of Prometheus' text format 0.0.4: what promtool would refuse, it refuses.
 */

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface MetricFamily {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly samples: readonly Sample[]
}

const metricName = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const sampleLine = new RegExp(`^(${metricName})(?:\\{(.*)\\})? (\\S+)$`)
const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/
const types = new Set(['counter', 'gauge', 'histogram', 'summary', 'untyped'])

/** Throws at the first line that is not as it has to be. */
export function readExposition(text: string): readonly MetricFamily[] {
  const check = (holds: boolean, what: string) => {
    if (!holds) throw new Error(what)
  }
  check(text.endsWith('\n'), 'the last line ends')
  const families = new Map<string, { type: string; help: string; samples: Sample[] }>()
  const seen = new Set<string>()
  let current: { name: string; type: string; help: string; samples: Sample[] } | undefined
  let help: readonly [string, string] | undefined
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue
    const [, kind, name, rest] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? []
    if (kind === 'HELP') {
      check(!families.has(name!), `${name}: one HELP`)
      help = [name!, rest!]
    } else if (kind === 'TYPE') {
      check(help?.[0] === name, `${name}: HELP stands before TYPE`)
      check(types.has(rest!), `${name}: ${rest} is no type`)
      check(!families.has(name!), `${name}: its lines stand together`)
      current = { name: name!, type: rest!, help: help![1], samples: [] }
      families.set(name!, current)
    } else {
      const [, sample, labels, value] = sampleLine.exec(line) ?? []
      check(sample !== undefined, `no line of the format: ${line}`)
      const own = current?.type === 'histogram' ? /_(?:bucket|sum|count)$/ : /$/
      check(sample!.replace(own, '') === current?.name, `${sample}: has no TYPE right before it`)
      const key = `${sample}{${labels ?? ''}}`
      check(!seen.has(key), `${key} stands there twice`)
      seen.add(key)
      const number = value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value)
      // As Go's ParseFloat, which takes any case.
      check(/^nan$/i.test(value!) || !Number.isNaN(number), `${key}: ${value} is no number`)
      check(current!.type !== 'counter' || number >= 0, `${key}: a counter is never below zero`)
      current!.samples.push({ name: sample!, labels: readLabels(labels ?? ''), value: number })
    }
  }
  for (const family of families.values()) {
    if (family.type === 'histogram') checkBuckets(family.samples)
  }
  return [...families].map(([name, family]) => ({ name, ...family }))
}

function readLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  for (let rest = text; rest !== ''; ) {
    const [whole, name, value] = label.exec(rest) ?? []
    if (whole === undefined || Object.hasOwn(labels, name!)) throw new Error(`labels: ${text}`)
    labels[name!] = value!
    rest = rest.slice(whole.length)
  }
  return labels
}

/** Of each set of labels beside `le`. */
function checkBuckets(samples: readonly Sample[]): void {
  const others = ({ labels: { le: _, ...others } }: Sample) => JSON.stringify(others)
  for (const own of Map.groupBy(samples, others).values()) checkHistogram(own)
}

function checkHistogram(samples: readonly Sample[]): void {
  const buckets = samples.filter(({ name }) => name.endsWith('_bucket'))
  for (let i = 1; i < buckets.length; i++) {
    if (buckets[i]!.value < buckets[i - 1]!.value) throw new Error('buckets are cumulative')
  }
  const count = samples.find(({ name }) => name.endsWith('_count'))
  const last = buckets.at(-1)
  if (last?.labels.le !== '+Inf' || last.value !== count?.value) {
    throw new Error('the last bucket is +Inf, and holds all')
  }
}
