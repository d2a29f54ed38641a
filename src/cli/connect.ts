import { ControlClient } from '../contract/index.ts'
import type { Call } from './command.ts'

/** The client of the server that a call asks; Ctrl C ends what it waits for. */
export function connect(call: Call, signal: AbortSignal = call.terminal.signal): ControlClient {
  return new ControlClient({ server: call.server, signal })
}
