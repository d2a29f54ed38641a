import { afterEach, beforeEach } from 'vitest'
import { startServer, type TestServer } from './server.ts'
import { type Said, say, type TestTerminal } from './terminal.ts'

export interface AskedServer {
  /** Runs `muster` with these words, of the server of the test. */
  muster(words: string, terminal?: TestTerminal): Promise<Said>
  /** The URL of a path on it. */
  at(path: string): string
}

/** A server for each test of a file. To be called where its tests stand. */
export function askedServer(): AskedServer {
  let server: TestServer
  beforeEach(async () => {
    server = await startServer()
  })
  afterEach(() => server[Symbol.asyncDispose]())
  return {
    muster: (words, terminal) => say([...words.split(' '), '--server', server.url], terminal),
    at: path => `${server.url}${path}`,
  }
}
