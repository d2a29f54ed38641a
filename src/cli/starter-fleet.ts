import { SeededRandom } from '../base/random.ts'

/*
 * The fleet that `muster init` writes: daily sales of three products in twelve shops over two
 * years, made by a seeded generator, so that everybody's first fleet is the same to the byte. Each
 * product has its own week, year and answer to a price cut. Seven shops are alike: a model of their
 * own teaches nothing that the product's does not, so a first fleet also shows what pruning is. The
 * other five have a size and a weekend of their own.
 */

const shops = [
  'aarhus',
  'bergen',
  'cork',
  'dresden',
  'evora',
  'firenze',
  'gent',
  'helsinki',
  'innsbruck',
  'jena',
  'krakow',
  'lyon',
] as const
const products = ['bread', 'coffee', 'juice'] as const
/** The first shops are of one chain, and alike. */
const shopsOfTheChain = 7
const firstDay = Date.UTC(2023, 0, 1)
const days = 731 // 2023 and 2024.
const dayMs = 86_400_000

interface Habit {
  /** Units a day in a shop of size 1. */
  readonly base: number
  readonly weekend: number
  readonly summer: number
  readonly price: number
  /** Units of demand gained, as a share, for a price cut by the same share. */
  readonly elasticity: number
}

const habits: Readonly<Record<(typeof products)[number], Habit>> = {
  bread: { base: 60, weekend: 0.35, summer: -0.1, price: 3.2, elasticity: 0.6 },
  coffee: { base: 45, weekend: -0.2, summer: -0.25, price: 2.8, elasticity: 1.1 },
  juice: { base: 25, weekend: 0.2, summer: 0.6, price: 4.1, elasticity: 1.9 },
}

/** `day,shop,product,price,promotion,units`: one row a day, shop and product, in that order. */
export function salesCsv(seed = 7): string {
  const random = new SeededRandom(seed)
  const own = shops.map((_, s) => s >= shopsOfTheChain)
  const sizes = own.map(is => (is ? 0.5 + 1.5 * random.unit() : 1))
  const tastes = own.map(is => products.map(() => (is ? 0.7 + 0.6 * random.unit() : 1)))
  const weekends = own.map(is => (is ? 2.5 * random.unit() - 0.5 : 1))
  const lines = ['day,shop,product,price,promotion,units']
  for (let day = 0; day < days; day++) {
    const date = new Date(firstDay + day * dayMs)
    const text = date.toISOString().slice(0, 10)
    const isWeekend = date.getUTCDay() % 6 === 0 ? 1 : 0
    const summer = Math.cos((2 * Math.PI * (day - 196)) / 365.25) // Highest in the middle of July.
    for (const [s, shop] of shops.entries()) {
      for (const [p, product] of products.entries()) {
        const { base, weekend, summer: season, price, elasticity } = habits[product]
        const promotion = random.unit() < 0.08 ? 1 : 0
        const cut = promotion * 0.2
        const mean =
          base *
          sizes[s]! *
          tastes[s]![p]! *
          (1 + weekend * weekends[s]! * isWeekend) *
          (1 + season * summer) *
          (1 + elasticity * cut)
        const units = Math.max(0, Math.round(mean + Math.sqrt(mean) * 1.3 * random.normal()))
        const paid = (price * (1 - cut)).toFixed(2)
        lines.push(`${text},${shop},${product},${paid},${promotion},${units}`)
      }
    }
  }
  return `${lines.join('\n')}\n`
}

/** The declarations; `fleet` is the name of the fleet. */
export function starterYaml(fleet: string): string {
  return `# The root of the fleet: what every document shares. Check it with: muster validate
apiVersion: muster/v1
fleet: ${fleet}
defaults: { owner: me, riskClass: low } # any document may say otherwise
environments: [prod]
---
kind: Source
name: sales
files: sales.csv # day, shop, product, price, promotion, units
eventTime: day
---
kind: FeatureGroup
name: recent
source: sales
knownAt: day + interval 1 day # a day's sales are known when the day is over
windows: # declared, so that they can be checked for leaks
  - { by: [product, shop], of: units, stats: [mean], over: [7d, 28d] }
  - { by: [product], of: units, stats: [mean], over: [7d] }
---
kind: FeatureView
name: day-ahead
version: 1
rows: sales # one row per day, shop and product
asOf: day # what was known when the day began, and nothing later
features:
  weekday: { sql: isodow(day), transform: cyclic(7) }
  weekend: { sql: cast(isodow(day) >= 6 as int) }
  season: { sql: dayofyear(day), transform: cyclic(365) }
  promotion: {} # a column of the row
  recent.*: { transform: [impute(mean), standard] }
---
kind: Blueprint
name: units-sold
purpose: Units that a shop will sell of a product in a day, to order the right amount
key: [product, shop] # units-sold, units-sold.bread, units-sold.bread.lyon
members: { atLeast: 100 } # rows that a member needs for a model of its own
view: day-ahead@1
label: units
labelUnit: units
pipeline: ridge@1
spans: { train: 2023-01..2024-06, judge: 2024-07..2024-09, report: 2024-10..2024-12 }
`
}
