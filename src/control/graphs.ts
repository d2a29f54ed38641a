import type { GraphsDesk } from '../api/index.ts'
import { MusterError } from '../base/errors.ts'
import type { GraphAnswer, GraphPartRow, GraphRow } from '../contract/index.ts'
import { type GraphPart, mermaidOf, treeOf } from '../graphs/index.ts'
import { saidBy } from '../serve/index.ts'
import type { GraphSpec } from '../spec/index.ts'
import type { ServedGraphs } from './served-graphs.ts'

export function graphsDesk(given: ServedGraphs | undefined, tenantHeader?: string): GraphsDesk {
  const served = () => {
    if (given) return given
    throw new MusterError('E_NOT_FOUND', 'this server runs no graphs')
  }
  return {
    async graphs({ limit, after }) {
      const rows = served()
        .list()
        .map(({ spec }) => rowOf(spec))
      return rows.filter(({ name }) => after === undefined || name > after.id).slice(0, limit)
    },
    async graph(name) {
      const { spec } = served().find(name)
      return {
        ...rowOf(spec),
        digest: spec.digest,
        prepare: spec.prepare.map(({ name }) => name),
        tree: treeOf(spec),
        mermaid: mermaidOf(spec),
      }
    },
    async infer(name, message, { headers, ...ask }) {
      try {
        const said = saidBy(headers, tenantHeader)
        const result = await served().run(name, message, { ...ask, ...said })
        const { graph, id, value, parts } = result
        return { graph, id: id ?? null, value, parts: parts.map(partRow) } satisfies GraphAnswer
      } catch (error) {
        throw withPartRows(error)
      }
    },
  }
}

/** What a refusal tells of its parts is told as an answer tells it. */
function withPartRows(error: unknown): unknown {
  if (!(error instanceof MusterError) || !Array.isArray(error.extra.parts)) return error
  const { code, message, hint, field, extra } = error
  return new MusterError(code, message, {
    ...(hint === undefined ? {} : { hint }),
    ...(field === undefined ? {} : { field }),
    extra: { ...extra, parts: (extra.parts as readonly GraphPart[]).map(partRow) },
    cause: error,
  })
}

function partRow(part: GraphPart): GraphPartRow {
  return {
    node: part.node,
    step: part.step,
    model: part.model ?? null,
    state: part.state,
    value: part.value ?? null,
    receipt: part.receipt ?? null,
    answeredBy: part.answeredBy ?? null,
    version: part.version ?? null,
    how: part.how ?? null,
    code: part.code ?? null,
    because: part.because ?? null,
  }
}

function rowOf(spec: GraphSpec): GraphRow {
  const models = new Set<string>()
  for (const { steps } of spec.nodes.values()) {
    for (const { target } of steps) {
      if (target.kind === 'models') models.add(target.select.blueprint)
      else if (target.kind !== 'node') models.add(target.model)
    }
  }
  return {
    name: spec.name,
    description: spec.description ?? null,
    owner: spec.owner,
    nodes: spec.nodes.size,
    models: [...models].sort(),
    triggers: spec.triggers.map(({ name, from }) => `${from.kind}: ${name}`),
    sinks: spec.sinks.map(({ name, to }) => `${to.kind}: ${name}`),
    deadlineMs: spec.deadlineMs,
    declaredAt: `${spec.place.file}:${spec.place.line}`,
  }
}
