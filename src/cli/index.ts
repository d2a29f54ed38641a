// Light on purpose: `muster --help` loads this and nothing of schemas or client. See `commands.ts`.
export { type ExitCode, exitCodes } from './exit-codes.ts'
export { defaultPort } from './port.ts'
export { runCli } from './run.ts'
export type { QuickstartOptions, Terminal, TextSink, UpOptions } from './terminal.ts'
