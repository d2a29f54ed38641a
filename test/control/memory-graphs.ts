import type { GraphsDesk } from '../../src/api/index.ts'
import { MusterError } from '../../src/base/errors.ts'
import { nearest } from '../../src/base/nearest.ts'
import type { GraphPartRow, GraphRow } from '../../src/contract/index.ts'

/* Two graphs in memory: one answers, one fails with its parts. */

function row(name: string): GraphRow {
  return {
    name,
    description: 'All sensors of a tool at once',
    owner: 'metrology',
    nodes: 2,
    models: ['wafer-cd'],
    triggers: ['amqp: plant'],
    sinks: ['postgres: table'],
    deadlineMs: 500,
    declaredAt: 'muster.yaml:28',
  }
}

function part(model: string, state: GraphPartRow['state'], value: number | null): GraphPartRow {
  const answered = state === 'answered'
  return {
    node: 'root',
    step: 'each',
    model,
    state,
    value,
    receipt: answered ? '01JD3Q0000000000000000000A' : null,
    answeredBy: answered ? model : null,
    version: answered ? 3 : null,
    how: null,
    code: answered ? null : 'E_DEADLINE_PAST',
    because: answered ? null : 'it did not answer before its deadline',
  }
}

const parts = [part('wafer-cd.t1.s1', 'answered', 0.25), part('wafer-cd.t1.s2', 'late', null)]

export function memoryGraphs(): GraphsDesk {
  const rows = [row('wafer-health'), row('wafer-strict')]
  const find = (name: string): GraphRow => {
    const found = rows.find(graph => graph.name === name)
    if (found) return found
    const near = nearest(
      name,
      rows.map(graph => graph.name),
    )
    throw new MusterError('E_NOT_FOUND', 'the fleet has no graph of this name', {
      hint: `nearest: ${near.join(', ')}`,
    })
  }
  return {
    graphs: async ({ limit, after }) =>
      rows.filter(({ name }) => name > (after?.id ?? '')).slice(0, limit),
    graph: async name => ({
      ...find(name),
      digest: `sha256:${'0'.repeat(64)}`,
      prepare: ['celsius'],
      tree: `${name}\n  root: Ensemble\n  └─ each: wafer-cd.{tool}.* (at most 40)`,
      mermaid: 'flowchart TD\n  n0{{"root: Ensemble"}}',
    }),
    infer: async (name, message, { id }) => {
      const { name: graph } = find(name)
      if (graph === 'wafer-strict') {
        const extra = { parts }
        throw new MusterError('E_DEADLINE_PAST', 'graph wafer-strict gives no result', { extra })
      }
      return { graph, id: id ?? null, value: { mean: 0.25, tool: message.tool }, parts }
    },
  }
}
