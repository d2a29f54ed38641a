import type { CommandFacts } from './command.ts'

/* Batch inference: `score` and `scores ...`. Part of the table in `commands.ts`. */

export const scoreCommands: readonly CommandFacts[] = [
  {
    name: 'score',
    group: 'use',
    summary: 'Answer every row of a view with the model that serves it, into a file or table',
    arguments: [{ name: 'view', required: true, help: 'a view: two-hours-before@1' }],
    options: [
      { flags: '--to <place>', help: 'FILE.parquet, a new folder, or CONNECTION:TABLE' },
      { flags: '--blueprint <name>', help: 'whose models answer, where several read the view' },
      { flags: '--model <name>', help: 'only rows of this model and all below it' },
      { flags: '--where <sql>', help: 'only rows for which this is true' },
      { flags: '--from <time>', help: 'events from then on (UTC)' },
      { flags: '--until <time>', help: 'events before then' },
      { flags: '--as-of <time>', help: 'by the data that was accepted by then' },
      { flags: '--overwrite', help: 'replace what is there' },
      { flags: '--partial', help: 'write what could be scored where some parts could not' },
    ],
    examples: [
      {
        call: 'muster score two-hours-before@1 --blueprint route-delay --to delays.parquet',
        does: 'every row, one file',
      },
      {
        call: 'muster score demand@1 --from 2026-11-01 --where "open" --to warehouse:public.demand',
        does: 'some rows, a new table of another PostgreSQL',
      },
    ],
    notes: [
      'Interrupted or killed, the server goes on; the same command finds what was done.',
      'Models answer as they were routed when it was asked, whatever is released meanwhile.',
    ],
    asksServer: true,
    load: () => import('./commands/score.ts'),
  },
  {
    name: 'scores',
    group: 'use',
    summary: 'List scores, or show one with its parts',
    arguments: [{ name: 'score', required: false, help: 'one of them: s-12' }],
    options: [
      { flags: '--limit <n>', help: 'at most so many (default: 40 on a terminal, else all)' },
    ],
    examples: [
      { call: 'muster scores', does: 'the newest' },
      { call: 'muster scores s-12', does: 'its steps and its report' },
    ],
    asksServer: true,
    load: () => import('./commands/scores.ts'),
  },
  {
    name: 'scores cancel',
    group: 'use',
    summary: 'End a score that is under way',
    arguments: [{ name: 'score', required: true, help: 'one of them: s-12' }],
    options: [],
    examples: [{ call: 'muster scores cancel s-12', does: 'what was scored is kept' }],
    asksServer: true,
    load: () => import('./commands/scores-cancel.ts'),
  },
]
