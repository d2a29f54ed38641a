import type { ArgumentFacts, CommandFacts } from './command.ts'

/* Commands over models that people bring: `import`, `imported`, `load`, `unload`. */

const names: ArgumentFacts = { name: 'name...', required: true, help: 'imported models' }

export const importedCommands: readonly CommandFacts[] = [
  {
    name: 'import',
    group: 'use',
    summary: 'Bring a model as an ONNX file: checked, tried in a process of its own, served',
    arguments: [{ name: 'file', required: true, help: 'an .onnx file', files: true }],
    options: [
      { flags: '--as <name>', help: 'the name that it is called by' },
      { flags: '--smoke <file>', help: 'JSON: a body of an infer call, or a list of them' },
      { flags: '--tier <tier>', help: 'pinned, preloaded or on-demand (the default)' },
      { flags: '--purpose <text>', help: 'what it is for' },
    ],
    examples: [
      { call: 'muster import churn.onnx --as churn', does: 'version 1, 2, 3 by its bytes' },
      {
        call: 'muster import churn.onnx --as churn --smoke inputs.json',
        does: 'tried on these inputs; with `outputs`, held against them',
      },
    ],
    notes: ['The same bytes under the same name are the same version.'],
    asksServer: true,
    load: () => import('./commands/import.ts'),
  },
  {
    name: 'imported',
    group: 'use',
    summary: 'List models that were imported',
    arguments: [],
    options: [
      { flags: '--limit <n>', help: 'at most so many (default: 40 on a terminal, else all)' },
    ],
    examples: [{ call: 'muster imported', does: 'by name and version, with their states' }],
    asksServer: true,
    load: () => import('./commands/imported.ts'),
  },
  {
    name: 'imported remove',
    group: 'use',
    summary: 'Take imported models away: their names are free again',
    arguments: [names],
    options: [],
    examples: [{ call: 'muster imported remove churn', does: 'all of its versions' }],
    notes: ['Their bytes stay, for what they answered; importing them again brings them back.'],
    asksServer: true,
    load: () => import('./commands/imported-remove.ts'),
  },
  {
    name: 'load',
    group: 'use',
    summary: 'Let imported models serve again that were unloaded or quarantined',
    arguments: [names],
    options: [],
    examples: [{ call: 'muster load churn', does: 'all of its versions' }],
    asksServer: true,
    load: () => import('./commands/load.ts'),
  },
  {
    name: 'unload',
    group: 'use',
    summary: 'Let imported models serve no more, until they are loaded again',
    arguments: [names],
    options: [],
    examples: [{ call: 'muster unload churn fraud', does: 'their memory is free at once' }],
    asksServer: true,
    load: () => import('./commands/unload.ts'),
  },
]
