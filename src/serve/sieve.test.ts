import { expect, test } from 'vitest'
import { SeededRandom } from '../base/random.ts'
import { type Kept, Sieve } from './sieve.ts'

class Pages {
  readonly sieve: Sieve<Kept>
  readonly there = new Map<number, Kept>()
  hits = 0

  constructor(budgetBytes: number) {
    this.sieve = new Sieve(budgetBytes)
  }

  ask(page: number, sizeBytes = 1): void {
    const kept = this.there.get(page)
    if (kept) {
      kept.visited = true
      this.hits += 1
      return
    }
    const thing = { sizeBytes, visited: false }
    if (this.sieve.add(thing, () => this.there.delete(page))) this.there.set(page, thing)
  }
}

test('never above its budget, whatever the sizes', () => {
  const random = new SeededRandom(4)
  const pages = new Pages(100)
  for (let i = 0; i < 5_000; i++) {
    pages.ask(random.below(300), 1 + random.below(30))
    const bytes = [...pages.there.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    expect(pages.sieve.bytes).toBe(bytes)
    expect(bytes).toBeLessThanOrEqual(100)
    expect(pages.sieve.size).toBe(pages.there.size)
  }
})

test('a scan of things asked for once leaves what is asked for often', () => {
  const pages = new Pages(100)
  for (let round = 0; round < 3; round++) for (let hot = 0; hot < 80; hot++) pages.ask(hot)
  for (let scan = 0; scan < 10_000; scan++) {
    pages.ask(1_000 + scan)
    pages.ask(scan % 80)
  }
  const kept = Array.from({ length: 80 }, (_, hot) => pages.there.has(hot)).filter(Boolean)
  expect(kept.length).toBe(80)
})

test('what is larger than all of it is not kept, and a smaller budget gives up the rest', () => {
  const pages = new Pages(10)
  pages.ask(1, 11)
  expect(pages.there.size).toBe(0)
  for (let page = 0; page < 10; page++) pages.ask(page)
  pages.sieve.resize(3)
  expect([pages.there.size, pages.sieve.bytes]).toEqual([3, 3])
  const [[page, thing]] = pages.there as unknown as [[number, Kept]]
  pages.sieve.delete(thing)
  pages.there.delete(page)
  expect(pages.sieve.bytes).toBe(2)
})
