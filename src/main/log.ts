import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { destination, type Logger, pino } from 'pino'

/**
 * One JSON line an event, in `<home>/log/<role>.log`: stacks and causes go there and nowhere else.
 */
export function openLog(home: string, role: string): Logger {
  const folder = join(home, 'log')
  mkdirSync(folder, { recursive: true })
  return pino(
    { base: { role, pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime },
    destination({ dest: join(folder, `${role}.log`), sync: true }),
  )
}
