/**
 * Chance as a value: a seeded generator. xoshiro128** by Blackman and Vigna (2018), seeded by
 * splitmix32.
 */
export class SeededRandom {
  readonly #state: Uint32Array

  constructor(seed: number) {
    this.#state = new Uint32Array(4)
    let mixed = seed >>> 0
    for (let i = 0; i < 4; i++) {
      mixed = (mixed + 0x9e3779b9) >>> 0
      let z = mixed
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
      this.#state[i] = (z ^ (z >>> 15)) >>> 0
    }
  }

  /** A whole number in [0, 2^32). */
  uint32(): number {
    const s = this.#state
    const s1 = s[1]!
    const rotated = Math.imul(s1, 5)
    const result = Math.imul((rotated << 7) | (rotated >>> 25), 9) >>> 0
    const shifted = s1 << 9
    s[2] = s[2]! ^ s[0]!
    s[3] = s[3]! ^ s1
    s[1] = s1 ^ s[2]!
    s[0] = s[0]! ^ s[3]!
    s[2] = s[2]! ^ shifted
    s[3] = (s[3]! << 11) | (s[3]! >>> 21)
    return result
  }

  /** A number in [0, 1). */
  unit(): number {
    return this.uint32() / 4_294_967_296
  }

  /** A whole number in [0, below). */
  below(below: number): number {
    return Math.floor(this.unit() * below)
  }

  /** A standard normal draw (Box and Muller, 1958). */
  normal(): number {
    const u = 1 - this.unit()
    return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * this.unit())
  }
}
