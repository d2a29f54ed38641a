import type { Act } from '../command.ts'
import { defaultPort, readPort } from '../port.ts'

export const up: Act = async call => {
  const { terminal, screen } = call
  return terminal.start.up({ port: portOf(call), json: screen.json })
}

export const quickstart: Act = async call => {
  const { terminal, screen } = call
  return terminal.start.quickstart({
    port: portOf(call),
    json: screen.json,
    once: call.flag('once'),
  })
}

function portOf(call: Parameters<Act>[0]): number {
  return (
    readPort(call.text('port'), '--port') ??
    readPort(call.terminal.env.MUSTER_PORT, 'MUSTER_PORT') ??
    defaultPort
  )
}
