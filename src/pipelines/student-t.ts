/*
 * Quantiles of Student's t with whole degrees of freedom. The probability of |T| <= t is a finite
 * sum (Abramowitz and Stegun, 26.7.3 and 26.7.4); its inverse is found by bisection, once for each
 * number of degrees.
 */

const found = new Map<number, number>()

/** The t with P(|T| <= t) = 0.95: what a two-sided 95% interval takes. `degrees` >= 1. */
export function studentT95(degrees: number): number {
  const known = found.get(degrees)
  if (known !== undefined) return known
  let low = 0
  let high = 13 // For one degree of freedom it is 12.706.
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (centralProbability(middle, degrees) < 0.95) low = middle
    else high = middle
  }
  found.set(degrees, high)
  return high
}

/** P(|T| <= t). */
export function centralProbability(t: number, degrees: number): number {
  const angle = Math.atan(t / Math.sqrt(degrees))
  const cosine2 = Math.cos(angle) ** 2
  const odd = degrees % 2 === 1
  // Terms run over the even, or odd, numbers below the degrees; each is the one before times cos^2
  // (k - 1) / k.
  let term = odd ? Math.cos(angle) : 1
  let sum = degrees === 1 ? 0 : term
  for (let k = odd ? 3 : 2; k <= degrees - 2; k += 2) {
    term *= (cosine2 * (k - 1)) / k
    sum += term
  }
  return odd ? (2 / Math.PI) * (angle + Math.sin(angle) * sum) : Math.sin(angle) * sum
}
