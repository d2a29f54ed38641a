import type { ArgumentFacts, CommandFacts } from './command.ts'

/* Commands over messages that were given up; part of the table in `commands.ts`. */

const letters: ArgumentFacts = {
  name: 'letter...',
  required: true,
  help: 'ids as the list has them: d-7 d-9',
}

export const triggerCommands: readonly CommandFacts[] = [
  {
    name: 'deadletters',
    group: 'use',
    summary: 'List messages that triggers gave up, and results that no sink takes',
    arguments: [],
    options: [
      { flags: '--graph <name>', help: 'of one graph' },
      { flags: '--state <state>', help: 'waiting, replayed or dropped (default: waiting)' },
      { flags: '--limit <n>', help: 'at most so many (default: 40 on a terminal, else all)' },
    ],
    examples: [
      { call: 'muster deadletters', does: 'those that wait for a decision, newest first' },
      { call: 'muster deadletters --graph wafer-health | cut -f1', does: 'ids only' },
    ],
    asksServer: true,
    load: () => import('./commands/deadletters.ts'),
  },
  {
    name: 'deadletters show',
    group: 'use',
    summary: 'Show one: its cause, its headers and its body',
    arguments: [{ name: 'letter', required: true, help: 'd-7' }],
    options: [],
    examples: [{ call: 'muster deadletters show d-7', does: 'what came, and why it was given up' }],
    asksServer: true,
    load: () => import('./commands/deadletters.ts').then(own => ({ act: own.showOne })),
  },
  {
    name: 'deadletters replay',
    group: 'use',
    summary: 'Try messages once more, now; what works is stored once',
    arguments: [letters],
    options: [],
    examples: [{ call: 'muster deadletters replay d-7 d-9', does: 'each tells what came of it' }],
    notes: ['Exits with 1 when one of them fails again; it waits on, with the new cause.'],
    asksServer: true,
    load: () => import('./commands/deadletters.ts').then(own => ({ act: own.replay })),
  },
  {
    name: 'deadletters drop',
    group: 'use',
    summary: 'Let messages be: they wait no more, and are forgotten after 90 days',
    arguments: [letters],
    options: [],
    examples: [{ call: 'muster deadletters drop d-8', does: 'nothing will come of it' }],
    asksServer: true,
    load: () => import('./commands/deadletters.ts').then(own => ({ act: own.drop })),
  },
]
