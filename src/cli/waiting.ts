import type { Call } from './command.ts'
import { durationWords } from './text.ts'

/** People take a pause longer than this for a fault. */
const silenceMaxMs = 300

/** The answer of something that may take long; after 300 ms it is said what is waited for. */
export async function waiting<T>(call: Call, what: string, answer: Promise<T>): Promise<T> {
  const { screen, terminal } = call
  const startMs = terminal.clock.monotonicMs()
  const say = (): void => {
    const seconds = (terminal.clock.monotonicMs() - startMs) / 1_000
    if (screen.live) screen.draw([`waiting: ${what} (${durationWords(seconds)})`])
  }
  let ticks: NodeJS.Timeout | undefined
  const first = setTimeout(() => {
    if (!screen.live) screen.say(`waiting: ${what}`)
    say()
    ticks = setInterval(say, 1_000)
  }, silenceMaxMs)
  try {
    return await answer
  } finally {
    clearTimeout(first)
    clearInterval(ticks)
    screen.draw([])
  }
}
