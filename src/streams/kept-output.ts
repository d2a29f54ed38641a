import { MusterError } from '../base/errors.ts'
import { reasonOf } from './broker-input.ts'
import { Loss } from './loss.ts'
import type { OutgoingMessage, StreamOutput } from './message.ts'

/*
 * An output over one connection that is opened when it is first needed and again after its loss.
 * When to try again is decided by whoever delivers.
 */

export interface KeptSession {
  send(messages: readonly OutgoingMessage[]): Promise<readonly (Error | undefined)[]>
  /** Resolves when the connection is lost; never rejects. */
  readonly lost: Promise<Error>
  close(): Promise<void>
}

/** A broker that does not confirm within this is taken for lost. */
const sendMs = 10_000

export function keptOutput(open: () => Promise<KeptSession>): StreamOutput {
  let session: Promise<KeptSession & { readonly loss: Loss }> | undefined
  const opened = () => {
    session ??= open().then(kept => {
      const mine = session
      void kept.lost.then(() => {
        if (session === mine) session = undefined
        return kept.close().catch(() => {})
      })
      return { ...kept, loss: new Loss(kept.lost) }
    })
    return session
  }
  return {
    async send(messages) {
      try {
        const kept = await opened()
        return await kept.loss.or(kept.send(messages), sendMs)
      } catch (error) {
        const broken = session
        session = undefined
        void broken?.then(kept => kept.close()).catch(() => {})
        if (error instanceof MusterError) throw error
        throw new MusterError('E_CONNECTION', `the sink's connection: ${reasonOf(error)}`, {
          hint: 'nothing is lost: what waits is delivered when it is back',
          cause: error,
        })
      }
    },
    async [Symbol.asyncDispose]() {
      const last = session
      session = undefined
      await last?.then(kept => kept.close()).catch(() => {})
    },
  }
}
