import { totalmem } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type DataPlane, spreadsCallers, strainOf } from '../serve/index.ts'
import { heapShare } from './heap-share.ts'

/** What the process looks like is looked at four times a second: sooner than callers give up. */
const lookEveryMs = 250
/** What need not be kept is let go of once a second. */
const tendEveryMs = 1_000
/** Of this machine's memory, what parameters may have where nobody says: a quarter. */
const residentShare = 0.25

/** Of the memory that this process may use: a container's, where it is in one. */
export function defaultResidentBytes(): number {
  const constrained = process.constrainedMemory()
  const whole = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
  return Math.floor(whole * residentShare)
}

/** Tells the plane how the process is, and has it let go of what it need not keep. */
export function careFor(plane: DataPlane): Disposable {
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  const shareOfHeap = heapShare()
  const look = setInterval(() => {
    // The mean, since one long pause is over when it is seen; a loop that is late all along is not.
    const lagMs = delay.count > 0 ? delay.mean / 1e6 : 0
    delay.reset()
    const pressure = { heapShare: shareOfHeap(), lagMs }
    plane.strain = strainOf(pressure)
    plane.spreads = spreadsCallers(pressure)
  }, lookEveryMs)
  const tend = setInterval(() => plane.tend(), tendEveryMs)
  look.unref()
  tend.unref()
  return {
    [Symbol.dispose]() {
      clearInterval(look)
      clearInterval(tend)
      delay.disable()
    },
  }
}
