import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { countOf, formatCount } from '../../base/format.ts'
import type { ControlClient, PlanMember, PlanView } from '../../contract/index.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { makePlan, membersOf } from '../make-plan.ts'
import { planDocument } from '../plan-file.ts'
import { hasChanges, movesModels, planLines } from '../plan-text.ts'
import { printable } from '../text.ts'

export const act: Act = async call => {
  const { screen, terminal } = call
  const client = connect(call)
  const plan = await makePlan(call, client, call.args[0])
  if (!plan) return exitCodes.refused
  const out = call.text('out')
  if (out !== undefined) await writeFile(resolve(terminal.cwd, out), planDocument(plan))

  const against = call.text('against')
  if (against !== undefined) await showDifference(call, client, against, plan)
  else if (screen.json) screen.object(plan)
  else for (const line of planLines(plan)) screen.data(line)
  if (call.flag('list') && against === undefined) {
    for await (const member of membersOf(client, plan.id)) showMember(call, member)
  }
  sayNext(call, plan, out)
  return call.flag('exitCode') && hasChanges(plan) ? exitCodes.changes : exitCodes.done
}

function showMember({ screen }: Call, member: PlanMember): void {
  if (screen.json) screen.object({ member })
  else screen.data([member.action, member.name, printable(member.because)].join('\t'))
}

function sayNext({ screen }: Call, plan: PlanView, out: string | undefined): void {
  if (screen.json) return
  if (!hasChanges(plan)) {
    screen.say('Nothing to do: the fleet is as declared.')
    return
  }
  if (!movesModels(plan)) screen.say('The declaration has changed, and no model with it.')
  screen.say(`Nothing has changed yet. To do exactly this: muster apply ${out ?? plan.id}`)
}

/** What differs between two plans, member by member, counted by what became of them. */
async function showDifference(
  call: Call,
  client: ControlClient,
  earlier: string,
  plan: PlanView,
): Promise<void> {
  const { screen } = call
  const old = await client.planById(earlier)
  const before = new Map<string, string>()
  for await (const m of membersOf(client, old.id)) before.set(m.name, `${m.action}: ${m.because}`)
  const moved: { name: string; before: string; now: string }[] = []
  for await (const m of membersOf(client, plan.id)) {
    const now = `${m.action}: ${m.because}`
    const was = before.get(m.name) ?? 'as it was'
    before.delete(m.name)
    if (was !== now) moved.push({ name: m.name, before: was, now })
  }
  for (const [name, was] of before) moved.push({ name, before: was, now: 'as it is' })
  if (screen.json) {
    screen.object({ against: old.id, plan: plan.id, moved: moved.length })
    for (const move of moved) screen.object(move)
    return
  }
  screen.data(`${countOf(moved.length, 'model')} moved since ${old.id}${generations(old, plan)}`)
  const groups = Map.groupBy(moved, m => `${m.before}  ->  ${m.now}`)
  for (const [words, members] of groups) {
    screen.data(`  ${formatCount(members.length)}   ${printable(words)}`)
    if (call.flag('list')) for (const { name } of members) screen.data(`      ${name}`)
  }
}

function generations(old: PlanView, now: PlanView): string {
  const words = now.environments.flatMap(({ name, generation }) => {
    const was = old.environments.find(e => e.name === name)?.generation
    return was === undefined || was === generation
      ? []
      : [`${name} generation ${was}, now ${generation}`]
  })
  return words.length > 0 ? ` (${words.join('; ')})` : ''
}
