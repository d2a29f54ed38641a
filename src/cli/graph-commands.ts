import type { ArgumentFacts, CommandFacts } from './command.ts'

/* Commands over inference graphs: `graphs ...`. Part of the table in `commands.ts`. */

const graph: ArgumentFacts = { name: 'name', required: true, help: 'a graph: wafer-health' }

export const graphCommands: readonly CommandFacts[] = [
  {
    name: 'graphs',
    group: 'use',
    summary: 'List inference graphs: what they call, what starts them, where results go',
    arguments: [],
    options: [
      { flags: '--limit <n>', help: 'at most so many (default: 40 on a terminal, else all)' },
    ],
    examples: [{ call: 'muster graphs', does: 'all of the fleet' }],
    asksServer: true,
    load: () => import('./commands/graphs.ts'),
  },
  {
    name: 'graphs show',
    group: 'use',
    summary: 'Show one graph as a tree, or as a flowchart',
    arguments: [graph],
    options: [{ flags: '--mermaid', help: 'in the words of Mermaid, for a page or a README' }],
    examples: [
      { call: 'muster graphs show wafer-health', does: 'nodes, steps, conditions, deadlines' },
      { call: 'muster graphs show wafer-health --mermaid > wafer.mmd', does: 'a picture' },
    ],
    asksServer: true,
    load: () => import('./commands/graphs-show.ts'),
  },
  {
    name: 'graphs run',
    group: 'use',
    summary: 'Send one message through a graph',
    arguments: [graph],
    options: [
      { flags: '--message <file>', help: 'a JSON object; - or nothing: on standard input' },
      { flags: '--id <id>', help: 'of the message (default: what the message says)' },
      { flags: '--deadline-ms <n>', help: 'whole milliseconds (default: of the graph)' },
      { flags: '--parts', help: 'also what each model said' },
    ],
    examples: [
      { call: 'muster graphs run wafer-health --message wafer.json', does: 'the result' },
      {
        call: 'echo \'{"tool": "t1"}\' | muster graphs run wafer-health --parts --json',
        does: 'with the answer and the receipt of every part',
      },
    ],
    asksServer: true,
    load: () => import('./commands/graphs-run.ts'),
  },
]
