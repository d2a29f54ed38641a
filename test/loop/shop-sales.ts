import { SeededRandom } from '../../src/base/random.ts'

/*
 * Daily sales of three products in four shops over 200 days from 2024-01-01, by a seeded generator:
 * the data of the loop's tests. Two shops are alike and lean on their product; the other two have a
 * week and a size of their own, so some leaves earn their keep and some do not.
 */

export const products = ['bread', 'coffee', 'juice'] as const
export const shops = ['aarhus', 'bergen', 'cork', 'dresden'] as const
const dayMs = 86_400_000
const firstMs = Date.UTC(2024, 0, 1)

export const header = 'day,product,shop,promotion,units'

/** One member's row of one day; undefined leaves the row out. */
export type Special = (day: string, units: number) => number | undefined

export interface SalesOptions {
  /** First day and number of days, counted from 2024-01-01. */
  readonly from?: number
  readonly days?: number
  readonly seed?: number
  /** By `product.shop`. Names of its own add members. */
  readonly special?: Readonly<Record<string, Special>>
}

/** Rows by day, product and shop, without the header. */
export function salesRows(options: SalesOptions = {}): string {
  const { from = 0, days = 200, seed = 11, special = {} } = options
  const random = new SeededRandom(seed)
  const usual = products.flatMap(product => shops.map(shop => `${product}.${shop}`))
  const members = [...new Set([...usual, ...Object.keys(special)])]
  const lines: string[] = []
  for (let d = from; d < from + days; d++) {
    const date = new Date(firstMs + d * dayMs)
    const day = date.toISOString().slice(0, 10)
    for (const member of members) {
      const [product = '', shop = ''] = member.split('.')
      const promotion = random.unit() < 0.15 ? 1 : 0
      const mean = meanUnits(product, shop, date.getUTCDay() % 6 === 0, promotion)
      const units = Math.max(0, Math.round(mean + 4 * random.normal()))
      const told = special[member] ? special[member](day, units) : units
      if (told !== undefined) lines.push(`${day},${product},${shop},${promotion},${told}`)
    }
  }
  return `${lines.join('\n')}\n`
}

function meanUnits(product: string, shop: string, weekend: boolean, promotion: number): number {
  const base = { bread: 60, coffee: 40, juice: 20 }[product] ?? 30
  const size = { cork: 1.5, dresden: 0.6 }[shop] ?? 1
  const taste = { cork: 0.5, dresden: -0.3 }[shop] ?? 0.2
  return base * size * (1 + (weekend ? taste : 0)) + 8 * promotion
}
