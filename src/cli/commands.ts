import type { ArgumentFacts, CommandFacts, OptionFacts } from './command.ts'
import { featureCommands } from './feature-commands.ts'
import { graphCommands } from './graph-commands.ts'
import { importedCommands } from './imported-commands.ts'
import { predictionCommands } from './prediction-commands.ts'
import { scoreCommands } from './score-commands.ts'
import { triggerCommands } from './trigger-commands.ts'

/*
 * Every command, once: parsing, help, completion and the nearest-command hint read this table. What
 * a command does is imported when it is called, by a dynamic import: schemas and client take 60 ms
 * to load, and `--help`, completion and usage errors, which need none of it, have a budget of 80
 * ms.
 */

export const everyCommand: readonly OptionFacts[] = [
  { flags: '--json', help: 'one JSON object a line, for programs' },
]
export const everyServerCommand: readonly OptionFacts[] = [
  { flags: '--server <url>', help: 'the server to ask (default: http://127.0.0.1:7077)' },
]

const folder: ArgumentFacts = {
  name: 'folder',
  required: false,
  help: 'the folder of the fleet (default: here)',
  files: true,
}
const model: ArgumentFacts = {
  name: 'name',
  required: true,
  help: 'a model: route-late.ATL.LGA',
}
const asOf: OptionFacts = {
  flags: '--as-of <time>',
  help: 'on the data as it was recorded then: 2026-11-01T08:00:00Z',
}
const watch: OptionFacts = { flags: '--watch', help: 'follow until it ends' }
const port: OptionFacts = { flags: '--port <n>', help: 'port on 127.0.0.1 (default: 7077)' }

const begin: readonly CommandFacts[] = [
  {
    name: 'init',
    group: 'begin',
    summary: 'Write a small fleet that works: one muster.yaml and its data',
    arguments: [{ ...folder, help: 'a new or empty folder (default: here)' }],
    options: [],
    examples: [
      { call: 'muster init shop', does: 'a fleet of 40 sales models in ./shop' },
      { call: 'muster apply shop', does: 'train, judge and serve them' },
    ],
    notes: ['Nothing that exists is overwritten.'],
    asksServer: false,
    load: () => import('./commands/init.ts'),
  },
  {
    name: 'up',
    group: 'begin',
    summary: 'Run all of Muster on this machine, with its own database in .muster/',
    arguments: [],
    options: [port],
    examples: [
      { call: 'muster up', does: 'serve on http://127.0.0.1:7077 until Ctrl C' },
      { call: 'MUSTER_HOME=/data/muster muster up', does: 'keep the state elsewhere' },
    ],
    asksServer: false,
    load: () => import('./commands/start.ts').then(start => ({ act: start.up })),
  },
  {
    name: 'quickstart',
    group: 'begin',
    summary: 'Make about 6,800 models from three million flights, and serve them',
    arguments: [],
    options: [port, { flags: '--once', help: 'print the summary and exit, instead of staying up' }],
    examples: [
      { call: 'muster quickstart', does: 'train, judge, release; then stay up' },
      { call: 'muster quickstart --once --json', does: 'the summary as one JSON object' },
    ],
    asksServer: false,
    load: () => import('./commands/start.ts').then(start => ({ act: start.quickstart })),
  },
]

const change: readonly CommandFacts[] = [
  {
    name: 'validate',
    group: 'change',
    summary: 'Check declarations: every fault at once, with place, cause and cure',
    arguments: [folder],
    options: [
      { flags: '--all', help: 'also show faults that follow from others' },
      { flags: '--data', help: 'bind expressions against the data too (asks the server)' },
    ],
    examples: [
      { call: 'muster validate', does: 'this folder; needs no server' },
      { call: 'muster validate --data', does: 'also that columns exist and nothing leaks' },
    ],
    asksServer: true,
    load: () => import('./commands/validate.ts'),
  },
  {
    name: 'schema',
    group: 'change',
    summary: 'Print the JSON Schema of declarations, for editors',
    arguments: [],
    options: [{ flags: '--out <file>', help: 'write it to a file' }],
    examples: [
      { call: 'muster schema --out .muster/schema.json', does: 'then, on top of muster.yaml:' },
      {
        call: '# yaml-language-server: $schema=./.muster/schema.json',
        does: 'the editor completes every field',
      },
    ],
    asksServer: false,
    load: () => import('./commands/schema.ts'),
  },
  {
    name: 'plan',
    group: 'change',
    summary: 'Show what would change in the whole fleet, and why; nothing is changed',
    arguments: [folder],
    options: [
      { flags: '--list', help: 'every member, not only the counts' },
      { flags: '--out <file>', help: 'write id and digest of the plan, for `muster apply FILE`' },
      { flags: '--against <plan>', help: 'show how it differs from an earlier plan' },
      asOf,
      { flags: '--exit-code', help: 'exit with 5 when there are changes' },
    ],
    examples: [
      { call: 'muster plan', does: 'of this folder, grouped by reason' },
      { call: "muster plan --list | grep '^retire'", does: 'who would go' },
      {
        call: 'muster plan --out plan.json',
        does: 'in a pull request; later: muster apply plan.json',
      },
      { call: 'muster plan --against p-81', does: 'what moved since p-81 was made' },
    ],
    asksServer: true,
    load: () => import('./commands/plan.ts'),
  },
  {
    name: 'apply',
    group: 'change',
    summary: 'Do exactly what a plan says, and follow it to its end',
    arguments: [
      {
        name: 'plan',
        required: false,
        help: 'p-81, a file of `plan --out`, or a folder to plan now (default: here)',
        files: true,
      },
    ],
    options: [{ flags: '--no-wait', help: 'return as soon as the plan is adopted' }, asOf],
    examples: [
      { call: 'muster apply', does: 'plan this folder and do it' },
      { call: 'muster apply p-81', does: 'exactly that plan, or exit 4 if the world has moved' },
    ],
    notes: ['Ctrl C stops the watching, not the work.'],
    asksServer: true,
    load: () => import('./commands/apply.ts'),
  },
]

const look: readonly CommandFacts[] = [
  {
    name: 'status',
    group: 'look',
    summary: 'Show the whole fleet on one page',
    arguments: [],
    options: [{ flags: '--watch', help: 'follow until nothing runs any more' }],
    examples: [{ call: 'muster status', does: 'families, levels, states and runs' }],
    asksServer: true,
    load: () => import('./commands/status.ts'),
  },
  {
    name: 'list',
    group: 'look',
    summary: 'List models by filter',
    arguments: [{ name: 'filter...', required: false, help: 'terms that must all hold' }],
    options: [
      { flags: '--sort <by>', help: 'name, rows or state; -rows for descending' },
      { flags: '--limit <n>', help: 'at most so many (default: 40 on a terminal, else all)' },
    ],
    examples: [
      { call: "muster list 'under:route-late.ATL state:failing'", does: 'what is wrong below ATL' },
      { call: 'muster list failing | cut -f1', does: 'names only, in full' },
      {
        call: "muster list 'level:leaf reason:not-worth-keeping' --sort -rows",
        does: 'pruned leaves',
      },
      { call: "muster list 'blueprint:route-delay rows:<200'", does: 'small ones' },
    ],
    notes: [
      'Terms: under:NAME  state:WORD  blueprint:NAME  level:root|segment|leaf  reason:CODE  rows:<200.',
      'States: serving, inherited, refused, failed, declared, retired; failing = refused or failed.',
    ],
    asksServer: true,
    load: () => import('./commands/list.ts'),
  },
  {
    name: 'show',
    group: 'look',
    summary: 'Show one model: inputs, versions, evidence, lineage',
    arguments: [model],
    options: [{ flags: '--origin', help: 'every effective value and where it comes from' }],
    examples: [
      { call: 'muster show route-late.ATL.LGA', does: 'everything that is recorded of it' },
      { call: 'muster show route-late.ATL.HNL --origin', does: 'penalty 10  muster.yaml:52 ...' },
    ],
    asksServer: true,
    load: () => import('./commands/show.ts'),
  },
  {
    name: 'why',
    group: 'look',
    summary: 'Tell why a model answers, or why it does not',
    arguments: [model],
    options: [],
    examples: [
      { call: 'muster why route-late.ATL.XNA', does: 'from the declaration to the verdict' },
    ],
    asksServer: true,
    load: () => import('./commands/why.ts'),
  },
  {
    name: 'quarantine',
    group: 'look',
    summary: 'List versions that failed again and again, or have them asked again',
    arguments: [
      { name: 'lift...', required: false, help: 'ask these again: route-late.ATL, or ...@3' },
    ],
    options: [
      { flags: '--limit <n>', help: 'at most so many (default: 40 on a terminal, else all)' },
    ],
    examples: [
      { call: 'muster quarantine', does: 'which, since when, and why' },
      { call: 'muster quarantine route-late.ATL@3', does: 'asked again from now on' },
    ],
    asksServer: true,
    load: () => import('./commands/quarantine.ts'),
  },
  {
    name: 'runs',
    group: 'look',
    summary: 'List runs, or show and follow one',
    arguments: [{ name: 'run', required: false, help: 'the id of a run' }],
    options: [watch, { flags: '--limit <n>', help: 'at most so many (default: 20)' }],
    examples: [
      { call: 'muster runs', does: 'newest first' },
      { call: 'muster runs r-7 --watch', does: 'follow one to its end' },
    ],
    asksServer: true,
    load: () => import('./commands/runs.ts'),
  },
]

const use: readonly CommandFacts[] = [
  {
    name: 'predict',
    group: 'use',
    summary: 'Ask a model for an answer',
    arguments: [model],
    options: [
      {
        flags: '--input <name=value...>',
        help: 'a feature, column or tensor; what Muster has, or may be missing, can be left out',
      },
    ],
    examples: [
      {
        call: 'muster predict route-late.ATL.LGA --input hour=17 weekday=5 distance=762',
        does: 'one answer',
      },
      {
        call: 'muster predict demand.70 --input at=2026-11-01T08:00:00Z',
        does: 'what is left out is computed from what is given, or looked up online',
      },
      {
        call: 'echo \'{"hour": 17, "weekday": 5}\' | muster predict route-late.ATL.LGA --json',
        does: 'features as JSON on standard input; a list of objects gives as many answers',
      },
      {
        call: "muster predict churn --input X='[[1,2,3,4,5,6]]'",
        does: 'an imported model: a list a row, or 1,2,3,4,5,6 where its shape says the rest',
      },
      {
        call: 'muster predict churn < inputs.json',
        does: 'the body of an infer call, as for --smoke of import',
      },
    ],
    asksServer: true,
    load: () => import('./commands/predict.ts'),
  },
  {
    name: 'export',
    group: 'use',
    summary: 'Write what serves as one ONNX file that stands alone',
    arguments: [model, { name: 'file', required: true, help: 'the file to write', files: true }],
    options: [{ flags: '--force', help: 'overwrite the file' }],
    examples: [{ call: 'muster export route-late.ATL.LGA lga.onnx', does: 'for any ONNX runtime' }],
    asksServer: true,
    load: () => import('./commands/export.ts'),
  },
]

const care: readonly CommandFacts[] = [
  {
    name: 'doctor',
    group: 'care',
    summary: 'Look at this machine and the server; say what is at fault, and the cure',
    arguments: [],
    options: [],
    examples: [{ call: 'muster doctor', does: 'exit 1 when anything is at fault' }],
    asksServer: true,
    load: () => import('./commands/doctor.ts'),
  },
  {
    name: 'completion',
    group: 'care',
    summary: 'Print a completion script for a shell',
    arguments: [
      {
        name: 'shell',
        required: true,
        help: 'bash, zsh or fish',
        choices: ['bash', 'zsh', 'fish'],
      },
    ],
    options: [],
    examples: [
      { call: 'source <(muster completion bash)', does: 'now, in this shell' },
      { call: 'muster completion fish > ~/.config/fish/completions/muster.fish', does: 'for good' },
    ],
    asksServer: false,
    load: () => import('./commands/completion.ts'),
  },
]

export const commands: readonly CommandFacts[] = [
  ...begin,
  ...change,
  ...look,
  ...featureCommands,
  ...use,
  ...importedCommands,
  ...graphCommands,
  ...scoreCommands,
  ...predictionCommands,
  ...triggerCommands,
  ...care,
]

export const groupTitles: Readonly<Record<CommandFacts['group'], string>> = {
  begin: 'Begin',
  change: 'Change the fleet',
  look: 'Look at it',
  data: 'Data and features',
  use: 'Use it',
  care: 'Take care',
}

/** The options that a command takes, its own first. */
export function optionsOf(command: CommandFacts): readonly OptionFacts[] {
  return [
    ...command.options,
    ...everyCommand,
    ...(command.asksServer ? everyServerCommand : []),
    { flags: '-h, --help', help: 'show this' },
  ]
}
