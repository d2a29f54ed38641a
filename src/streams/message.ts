/*
 * Messages as triggers and sinks see them, whatever broker carries them.
 */

export interface StreamMessage {
  /**
   * What names it wherever it is delivered again: the broker's id or the event's, else its place in
   * the log, else a digest of its bytes. A trigger may name it otherwise.
   */
  readonly id: string
  readonly key: string | undefined
  /** Lower-case names; of a name given twice, the last. */
  readonly headers: Readonly<Record<string, string>>
  /** At most `keptBytesMax` of a message that is larger than `messageBytesMax`. */
  readonly body: Uint8Array
  /** Of the message as it came. */
  readonly sizeBytes: number
  /** Whether the broker says that it was delivered before. */
  readonly redelivered: boolean
  /** Where the sender asks to be answered. */
  readonly replyTo: string | undefined
}

/** A message of a tool with a thousand readings is 30 kB; a larger one than this is no message. */
export const messageBytesMax = 1_048_576
/** Of a larger one so much is kept, for people who ask what it was. */
export const keptBytesMax = 65_536

/** The body that is kept in memory, and its size as it came. */
export function boundedBody(body: Uint8Array): Pick<StreamMessage, 'body' | 'sizeBytes'> {
  const sizeBytes = body.byteLength
  // A copy: a slice would hold the whole.
  if (sizeBytes > messageBytesMax) return { body: body.slice(0, keptBytesMax), sizeBytes }
  return { body, sizeBytes }
}

export interface StreamHealth {
  readonly state: 'connecting' | 'connected' | 'away' | 'closed'
  /** Why it is away, without addresses or secrets. */
  readonly because: string | undefined
  /** Since this state began, in milliseconds. */
  readonly forMs: number
}

/** Messages in, from any broker. At most `prefetch` are taken and not yet acknowledged. */
export interface StreamInput extends AsyncDisposable {
  readonly health: StreamHealth
  /** Those that wait, at least one; none when there was none for `waitMs`, or at the abort. */
  next(waitMs: number, signal: AbortSignal): Promise<readonly StreamMessage[]>
  /** They are done. Of messages whose connection is lost nothing is said: they come again. */
  ack(messages: readonly StreamMessage[]): Promise<void>
  /** They are not: they are to come again, here or elsewhere. */
  reject(messages: readonly StreamMessage[]): Promise<void>
}

export interface OutgoingMessage {
  /** The same when it is sent again: the idempotency key. */
  readonly id: string
  readonly key: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** Messages out. */
export interface StreamOutput extends AsyncDisposable {
  /**
   * Undefined for each that was taken for good, else why not. Throws E_CONNECTION when nothing can
   * be sent at all at the moment; then some may have been.
   */
  send(messages: readonly OutgoingMessage[]): Promise<readonly (Error | undefined)[]>
}
