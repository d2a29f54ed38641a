/** One message of a stream of server-sent events. */
export interface SentEvent {
  readonly id: string | undefined
  readonly event: string
  readonly data: string
}

/** A message longer than this is a fault of the sender, not an event. */
const messageMaxLength = 1_000_000

/**
 * Reads server-sent events (WHATWG HTML, section 9.2) from chunks of bytes, wherever these are cut.
 * Comments and messages without data are passed over; an unfinished last message is dropped, as the
 * standard says.
 */
export async function* readEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<SentEvent> {
  const decoder = new TextDecoder()
  let rest = ''
  let lines: string[] = []
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true })
    if (rest.length > messageMaxLength) throw new RangeError('an event has no end')
    const complete = rest.split(/\r\n|\n|\r(?!$)/)
    rest = complete.pop() ?? ''
    for (const line of complete) {
      if (line !== '') {
        lines.push(line)
        continue
      }
      const sent = readMessage(lines)
      lines = []
      if (sent) yield sent
    }
  }
}

function readMessage(lines: readonly string[]): SentEvent | undefined {
  let id: string | undefined
  let event = 'message'
  const data: string[] = []
  for (const line of lines) {
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'id') id = value
    else if (field === 'event') event = value
    else if (field === 'data') data.push(value)
  }
  return data.length > 0 ? { id, event, data: data.join('\n') } : undefined
}
