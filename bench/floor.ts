/*
 * The floor under the quick start: a bare script that does only the arithmetic of both blueprints
 * (features, ridge and logistic fits of every level, error on June), with nothing declared,
 * recorded, checked, judged or served. What `npm start` needs beyond this is the price of being a
 * system. Run: node bench/floor.ts
 */
import { fileURLToPath } from 'node:url'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'

const file = fileURLToPath(
  new URL('../node_modules/vega-datasets/data/flights-3m.parquet', import.meta.url),
)
const hourMs = 3_600_000
const columns = 14 // sin, cos of hour; sin, cos of weekday; distance; nine windows
const width = columns + 1

async function stream(
  db: DuckDBConnection,
  sql: string,
  rows: number,
  names: number,
): Promise<Float64Array[]> {
  const out = Array.from({ length: names }, () => new Float64Array(rows))
  const result = await db.stream(sql)
  let at = 0
  for (;;) {
    const chunk = await result.fetchChunk()
    if (!chunk || chunk.rowCount === 0) return out
    for (let c = 0; c < names; c++) {
      const vector = chunk.getColumnVector(c) as unknown as { items: Float64Array }
      out[c]!.set(vector.items.subarray(0, chunk.rowCount), at)
    }
    at += chunk.rowCount
  }
}

/**
 * Means (and counts) over (asOf - w, asOf] of what became known, by entity: two pointers over two
 * sorted lists.
 */
function sweep(
  events: { entity: Float64Array; at: Float64Array; value: Float64Array },
  spine: { entity: Float64Array; at: Float64Array; row: Float64Array },
  windowMs: number | 'last5',
  mean: Float32Array,
  count?: Float32Array,
): void {
  let from = 0
  let to = 0
  let sum = 0
  let entity = -1
  for (let i = 0; i < spine.at.length; i++) {
    const e = spine.entity[i]!
    if (e !== entity) {
      while (to < events.at.length && events.entity[to]! < e) to++
      from = to
      sum = 0
      entity = e
    }
    const asOf = spine.at[i]!
    while (to < events.at.length && events.entity[to] === e && events.at[to]! <= asOf) {
      sum += events.value[to++]!
    }
    while (
      from < to &&
      (windowMs === 'last5' ? to - from > 5 : events.at[from]! <= asOf - windowMs)
    ) {
      sum -= events.value[from++]!
    }
    const row = spine.row[i]!
    mean[row] = to > from ? sum / (to - from) : Number.NaN
    if (count) count[row] = to - from
  }
}

function solve(h: Float64Array, g: Float64Array, penalty: number): Float64Array {
  const l = h.slice()
  for (let i = 0; i < width; i++) l[i * width + i]! += penalty
  const x = g.slice()
  for (let j = 0; j < width; j++) {
    let d = l[j * width + j]!
    for (let k = 0; k < j; k++) d -= l[j * width + k]! ** 2
    d = Math.sqrt(d)
    l[j * width + j] = d
    for (let i = j + 1; i < width; i++) {
      let s = l[i * width + j]!
      for (let k = 0; k < j; k++) s -= l[i * width + k]! * l[j * width + k]!
      l[i * width + j] = s / d
    }
  }
  for (let i = 0; i < width; i++) {
    for (let k = 0; k < i; k++) x[i]! -= l[i * width + k]! * x[k]!
    x[i]! /= l[i * width + i]!
  }
  for (let i = width - 1; i >= 0; i--) {
    for (let k = i + 1; k < width; k++) x[i]! -= l[k * width + i]! * x[k]!
    x[i]! /= l[i * width + i]!
  }
  return x
}

interface Data {
  readonly z: Float32Array
  readonly y: Float64Array
  readonly train: Uint8Array
}

/**
 * One Newton step for each group from its own start: gradient and curvature in one scan, then a
 * solve each.
 */
function newton(
  data: Data,
  group: Int32Array,
  starts: readonly Float64Array[],
  lean: Float64Array[],
  penalty: number,
  logistic: boolean,
): Float64Array<ArrayBuffer>[] {
  const h = starts.map(() => new Float64Array(width * width))
  const g = starts.map(() => new Float64Array(width))
  const { z, y, train } = data
  for (let r = 0; r < y.length; r++) {
    if (train[r] !== 1) continue
    const m = group[r]!
    const beta = starts[m]!
    const at = r * width
    let eta = 0
    for (let i = 0; i < width; i++) eta += beta[i]! * z[at + i]!
    const p = logistic ? 1 / (1 + Math.exp(-eta)) : eta
    const w = logistic ? p * (1 - p) : 1
    const residual = y[r]! - p
    const hm = h[m]!
    const gm = g[m]!
    for (let i = 0; i < width; i++) {
      const zi = z[at + i]!
      gm[i]! += residual * zi
      const wz = w * zi
      for (let j = 0; j <= i; j++) hm[i * width + j]! += wz * z[at + j]!
    }
  }
  return starts.map((beta, m) => {
    const gm = g[m]!
    for (let i = 0; i < width; i++) gm[i]! -= penalty * (beta[i]! - lean[m]![i]!)
    const step = solve(h[m]!, gm, penalty)
    return beta.map((b, i) => b + step[i]!)
  })
}

function fitLevels(
  data: Data,
  groups: readonly Int32Array[],
  parents: readonly Int32Array[],
  logistic: boolean,
): Float64Array[][] {
  const levels: Float64Array[][] = []
  groups.forEach((group, depth) => {
    const count = depth === 0 ? 1 : parents[depth]!.length
    const lean = Array.from({ length: count }, (_, m) =>
      depth === 0 ? new Float64Array(width) : levels[depth - 1]![parents[depth]![m]!]!,
    )
    let beta: Float64Array[] = lean.map(b => b.slice())
    for (let pass = 0; pass < (logistic ? 4 : 1); pass++) {
      beta = newton(data, group, beta, lean, depth === 0 ? 1 : 300, logistic)
    }
    levels.push(beta)
  })
  return levels
}

function quality(data: Data, group: Int32Array, betas: Float64Array[], logistic: boolean): number {
  let sum = 0
  let n = 0
  for (let r = 0; r < data.y.length; r++) {
    if (data.train[r] !== 2) continue
    const beta = betas[group[r]!]!
    let eta = 0
    for (let i = 0; i < width; i++) eta += beta[i]! * data.z[r * width + i]!
    const y = data.y[r]!
    sum += logistic ? Math.log1p(Math.exp(-(2 * y - 1) * eta)) : (y - eta) ** 2
    n++
  }
  return logistic ? sum / n : Math.sqrt(sum / n)
}

const started = performance.now()
let last = started
function stage(name: string): void {
  const now = performance.now()
  console.log(`${name.padEnd(28)} ${((now - last) / 1000).toFixed(2)} s`)
  last = now
}

const db = await (await DuckDBInstance.create(':memory:', { threads: '2' })).connect()
await db.run(`create table f as select
  (row_number() over (order by origin, destination, date, rid) - 1)::double as row,
  dense_rank() over (order by origin)::double as o,
  dense_rank() over (order by destination)::double as d,
  dense_rank() over (order by origin, destination)::double as od,
  epoch_ms(date)::double as happened, epoch_ms(date + to_minutes(delay))::double as known,
  least(delay, 240)::double as v, delay::double as delay, hour(date)::double as hour,
  isodow(date)::double as weekday, distance::double as distance
  from (select *, row_number() over () as rid from '${file}')`)
const [[counted]] = (await db.runAndReadAll('select count(*)::int from f')).getRowsJS() as [
  [number],
]
const rows = counted
const [at, delay, hour, weekday, distance, o, od] = (await stream(
  db,
  'select happened, delay, hour, weekday, distance, o, od from f order by row',
  rows,
  7,
)) as [
  Float64Array,
  Float64Array,
  Float64Array,
  Float64Array,
  Float64Array,
  Float64Array,
  Float64Array,
]
stage('read and sort')

const windows: Float32Array[] = []
for (const [by, plans] of [
  [
    'o',
    [
      [1, true],
      [3, true],
      [24, true],
    ],
  ],
  [
    'd',
    [
      [3, false],
      [24, false],
    ],
  ],
  ['od', [['last5', false]]],
] as const) {
  const [ee, ea, ev] = (await stream(
    db,
    `select ${by}, known, v from f order by ${by}, known, row`,
    rows,
    3,
  )) as [Float64Array, Float64Array, Float64Array]
  const [se, sa, sr] = (await stream(
    db,
    `select ${by}, happened - ${2 * hourMs}, row from f order by ${by}, happened, row`,
    rows,
    3,
  )) as [Float64Array, Float64Array, Float64Array]
  for (const [hours, counts] of plans) {
    const mean = new Float32Array(rows)
    const count = counts ? new Float32Array(rows) : undefined
    sweep(
      { entity: ee, at: ea, value: ev },
      { entity: se, at: sa, row: sr },
      hours === 'last5' ? hours : hours * hourMs,
      mean,
      count,
    )
    windows.push(mean, ...(count ? [count] : []))
  }
}
stage('window features')

const train = new Uint8Array(rows)
const april = Date.UTC(2001, 4, 1)
const june = Date.UTC(2001, 5, 1)
const end = Date.UTC(2001, 6, 1)
for (let r = 0; r < rows; r++)
  train[r] = at[r]! < april ? 1 : at[r]! >= june && at[r]! < end ? 2 : 0
const z = new Float32Array(rows * width)
for (let r = 0; r < rows; r++) {
  const k = r * width
  z[k] = Math.sin((2 * Math.PI * hour[r]!) / 24)
  z[k + 1] = Math.cos((2 * Math.PI * hour[r]!) / 24)
  z[k + 2] = Math.sin((2 * Math.PI * weekday[r]!) / 7)
  z[k + 3] = Math.cos((2 * Math.PI * weekday[r]!) / 7)
  z[k + columns] = 1
}
for (const [c, raw] of [distance, ...windows].entries()) {
  let n = 0
  let sum = 0
  let squares = 0
  for (let r = 0; r < rows; r++) {
    const x = raw[r]!
    if (train[r] === 1 && !Number.isNaN(x)) {
      n++
      sum += x
      squares += x * x
    }
  }
  const mean = sum / n
  const scale = 1 / Math.sqrt(squares / n - mean * mean)
  for (let r = 0; r < rows; r++) {
    const x = raw[r]!
    z[r * width + 4 + c] = !Number.isNaN(x) ? (x - mean) * scale : 0
  }
}
const byOrigin = Int32Array.from(o, x => x - 1)
const byRoute = Int32Array.from(od, x => x - 1)
const originOfRoute = new Int32Array(byRoute.reduce((a, b) => Math.max(a, b)) + 1)
byRoute.forEach((route, r) => {
  originOfRoute[route] = byOrigin[r]!
})
const origins = new Int32Array(byOrigin.reduce((a, b) => Math.max(a, b)) + 1)
const groups = [new Int32Array(rows), byOrigin, byRoute]
const parents = [new Int32Array(1), origins, originOfRoute]
stage('design')

for (const logistic of [false, true]) {
  const y = logistic
    ? delay.map(x => (x > 15 ? 1 : 0))
    : delay.map(x => Math.max(-60, Math.min(x, 240)))
  const data = { z, y, train }
  const levels = fitLevels(data, groups, parents, logistic)
  stage(logistic ? 'logistic, all levels' : 'ridge, all levels')
  const june = levels.map((betas, depth) =>
    quality(data, groups[depth]!, betas, logistic).toFixed(4),
  )
  console.log(
    `  June ${logistic ? 'log loss' : 'RMSE'}: root ${june[0]}, origins ${june[1]}, routes ${june[2]}`,
  )
}
stage('score June')
console.log(
  JSON.stringify({
    seconds: (performance.now() - started) / 1000,
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
  }),
)
