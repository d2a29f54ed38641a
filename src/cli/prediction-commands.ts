import type { CommandFacts, OptionFacts } from './command.ts'

/* Commands over what was answered; part of the table in `commands.ts`, and as light as that. */

const model: OptionFacts = { flags: '--model <name>', help: 'a model and all below it' }
const since: OptionFacts = {
  flags: '--since <time>',
  help: 'answered then or later: 2026-11-01T08:00:00Z, or 30m, 24h, 7d ago',
}
const until: OptionFacts = { flags: '--until <time>', help: 'answered then or earlier' }
const limit: OptionFacts = {
  flags: '--limit <n>',
  help: 'at most so many (default: 40 on a terminal, else all)',
}

export const predictionCommands: readonly CommandFacts[] = [
  {
    name: 'predictions',
    group: 'use',
    summary: 'List what was answered, newest first, or show one answer',
    arguments: [],
    options: [
      model,
      since,
      until,
      { flags: '--receipt <id>', help: 'one answer: inputs, lineage, what turned out' },
      limit,
    ],
    examples: [
      { call: 'muster predictions --model route-late.ATL --since 1h', does: 'of ATL and below' },
      {
        call: 'muster predictions --receipt 01KB3Q8W5V5M2T9R4XJ6C7D8EF',
        does: 'one answer and what it was made from',
      },
      { call: 'muster predictions --since 7d --json > week.jsonl', does: 'a line a predicted row' },
    ],
    asksServer: true,
    load: () => import('./commands/predictions.ts'),
  },
  {
    name: 'predictions erase',
    group: 'use',
    summary: 'Erase answers by their receipts, for good, with what was said of them',
    arguments: [{ name: 'receipt...', required: true, help: 'as the answers have them' }],
    options: [],
    examples: [
      { call: 'muster predictions erase 01KB3Q8W5V5M2T9R4XJ6C7D8EF', does: 'all of its rows' },
    ],
    notes: ['`muster data delete` erases what tells of whom it is; this is for the rest.'],
    asksServer: true,
    load: () => import('./commands/predictions-erase.ts'),
  },
  {
    name: 'replay',
    group: 'use',
    summary: 'Compute an answer again from what was recorded; say whether it is the same',
    arguments: [{ name: 'receipt', required: true, help: 'as the answer has it' }],
    options: [],
    examples: [
      {
        call: 'muster replay 01KB3Q8W5V5M2T9R4XJ6C7D8EF',
        does: 'the same to the last bit, or which ancestor is gone',
      },
    ],
    notes: ['Exits with 1 unless the number is the same.'],
    asksServer: true,
    load: () => import('./commands/replay.ts'),
  },
  {
    name: 'outcomes',
    group: 'use',
    summary: 'Show what turned out beside what was predicted, or say what turned out',
    arguments: [
      { name: 'file', required: false, help: 'outcomes to send, as JSON lines', files: true },
    ],
    options: [
      model,
      since,
      until,
      { flags: '--errors', help: 'how far each model was off, most outcomes first' },
      limit,
    ],
    examples: [
      { call: 'muster outcomes --model route-late --errors', does: 'MAE, bias, RMSE a model' },
      { call: 'muster outcomes truth.jsonl', does: '{"receipt": "01KB...", "value": 12.5} a line' },
    ],
    notes: [
      'A line names a receipt, or a model and a time: {"model": "demand.70", "at": ..., "value": 3}.',
      'Each is taken once; "correct": true replaces what was said before.',
    ],
    asksServer: true,
    load: () => import('./commands/outcomes.ts'),
  },
]
