import type { Call } from './command.ts'
import { readTime } from './numbers.ts'

/* Which answers are meant, as people say it. */

const unitMs = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** What --model, --since and --until say. */
export function answersOf(call: Call): { model?: string; since?: string; until?: string } {
  const model = call.text('model')
  const since = timeOf(call, 'since')
  const until = timeOf(call, 'until')
  return {
    ...(model === undefined ? {} : { model }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  }
}

/** A time, or how long ago: `90m`, `24h`, `7d`. */
function timeOf(call: Call, option: 'since' | 'until'): string | undefined {
  const text = call.text(option)
  const [, number, unit] = /^([1-9]\d{0,4})([mhd])$/.exec(text ?? '') ?? []
  if (number === undefined) return readTime(text, `--${option}`, ', or how long ago: 30m, 24h, 7d')
  const agoMs = Number(number) * unitMs[unit as keyof typeof unitMs]
  return new Date(call.terminal.clock.now().getTime() - agoMs).toISOString()
}
