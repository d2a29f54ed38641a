import type { WhyChain } from '../../contract/index.ts'
import type { Act } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { displayWidth, pad, printable } from '../text.ts'
import { waiting } from '../waiting.ts'

export const act: Act = async call => {
  const chain = await waiting(call, 'the reasons', connect(call).why(call.args[0] ?? ''))
  if (call.screen.json) call.screen.object(chain)
  else for (const line of whyLines(chain)) call.screen.data(line)
  return exitCodes.done
}

/** The headline, then a link a line: step, subject and the first because; further ones below it. */
export function whyLines(chain: WhyChain): string[] {
  const stepWidth = Math.max(0, ...chain.links.map(l => displayWidth(l.step)))
  const subjectWidth = Math.max(0, ...chain.links.map(l => displayWidth(l.subject)))
  const lines = chain.links.flatMap(({ step, subject, because }) => {
    const first = `  ${pad(printable(step), stepWidth)}  ${pad(printable(subject), subjectWidth)}`
    const room = ' '.repeat(first.length)
    const [head = '', ...rest] = because.map(printable)
    return [`${first}   ${head}`, ...rest.map(line => `${room}   ${line}`)].map(l => l.trimEnd())
  })
  return [printable(chain.headline), '', ...lines]
}
