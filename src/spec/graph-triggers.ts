import { nearest } from '../base/nearest.ts'
import type { DeclaredKind, FleetReading } from './declared.ts'
import type { SinkSpec, SinkTarget, TriggerOrigin, TriggerSpec } from './graph-spec.ts'
import { type GraphSurroundings, latencyMs } from './graphs.ts'
import { isKept } from './kept.ts'
import { sinkTargets, triggerOrigins } from './kinds/trigger.ts'

/* What starts a graph and where its results go, from how it is written to how it is used. */

type Declared = DeclaredKind<'Graph'>
type DeclaredTrigger = Declared['value']['triggers'][number]
type DeclaredSink = Declared['value']['sinks'][number]

export function readTriggers(declared: Declared, reading: FleetReading): readonly TriggerSpec[] {
  complainOfTwins(declared, 'triggers', reading)
  return declared.value.triggers.map((trigger, index) => {
    checkFields(declared, trigger, index, reading)
    return {
      name: trigger.name,
      from: originOf(trigger),
      format: trigger.format,
      fields: trigger.fields,
      messageId: trigger.messageId,
      eventTime: trigger.eventTime,
      prefetch: trigger.prefetch,
      attemptsMax: trigger.attemptsMax,
      deadlineMs: latencyMs(trigger.deadline),
      replyTo: trigger.replyTo,
    }
  })
}

function originOf(trigger: DeclaredTrigger): TriggerOrigin {
  const kind = triggerOrigins.find(origin => trigger[origin] !== undefined)!
  switch (kind) {
    case 'nats': {
      const { subject, ...rest } = trigger.nats!
      return { kind, ...rest, subject }
    }
    case 'amqp':
      return { kind, ...trigger.amqp! }
    case 'kafka':
      return { kind, ...trigger.kafka! }
    case 'mqtt':
      return { kind, ...trigger.mqtt! }
    case 'http':
      return { kind, ...trigger.http! }
    default:
      return kind satisfies never
  }
}

/** Fields that name or date a message are among those that it must have, where these are told. */
function checkFields(
  declared: Declared,
  trigger: DeclaredTrigger,
  index: number,
  reading: FleetReading,
): void {
  const known = Object.keys(trigger.fields)
  const unknown = (path: readonly string[], field: string) => {
    const [near] = nearest(field, known, 1)
    reading.complain(declared, ['triggers', index, ...path], 'value', {
      code: 'E_SPEC_REFERENCE',
      message: `trigger \`${trigger.name}\` has no field \`${field}\``,
      cure: near ? `use \`${near}\`` : `add it under \`fields:\``,
    })
  }
  const { messageId, eventTime, fields } = trigger
  if (messageId && 'field' in messageId && !Object.hasOwn(fields, messageId.field)) {
    unknown(['messageId', 'field'], messageId.field)
  }
  if (eventTime === undefined) return
  if (!Object.hasOwn(fields, eventTime)) unknown(['eventTime'], eventTime)
  else if (fields[eventTime] !== 'time') {
    reading.complain(declared, ['triggers', index, 'eventTime'], 'value', {
      code: 'E_SPEC_VALUE',
      message: `field \`${eventTime}\` of trigger \`${trigger.name}\` is not a time`,
      cure: `declare it as one: \`fields: { ${eventTime}: time }\``,
    })
  }
}

export function readSinks(declared: Declared, around: GraphSurroundings): readonly SinkSpec[] {
  complainOfTwins(declared, 'sinks', around.reading)
  return declared.value.sinks.map((sink, index) => {
    if (sink.parquet) checkKept(declared, sink.parquet.source, index, around)
    return { name: sink.name, to: targetOf(sink) }
  })
}

function targetOf(sink: DeclaredSink): SinkTarget {
  const kind = sinkTargets.find(target => sink[target] !== undefined)!
  switch (kind) {
    case 'postgres': {
      const { table, connection } = sink.postgres!
      return { kind, table, connection }
    }
    case 'parquet':
      return { kind, ...sink.parquet! }
    case 'amqp':
      return { kind, ...sink.amqp! }
    case 'nats':
      return { kind, ...sink.nats! }
    case 'kafka':
      return { kind, ...sink.kafka! }
    case 'mqtt':
      return { kind, ...sink.mqtt! }
    case 'webhook':
      return { kind, ...sink.webhook! }
    default:
      return kind satisfies never
  }
}

/** Results become rows of a source, so that must be one whose rows Muster keeps. */
function checkKept(
  declared: Declared,
  name: string,
  index: number,
  { sources, reading }: GraphSurroundings,
): void {
  const source = sources.get(name)
  const at = ['sinks', index, 'parquet', 'source']
  if (!source) {
    const [near] = nearest(name, sources.keys(), 1)
    const message = `graph \`${declared.value.name}\` writes to source \`${name}\``
    const cure = near ? `use \`${near}\`` : 'declare it: `kind: Source` with `push: {}`'
    reading.complainOfReference(declared, at, { kind: 'Source', name }, { message, cure })
  } else if (!isKept(source)) {
    reading.complain(declared, at, 'value', {
      code: 'E_SPEC_SOURCE',
      message: `source \`${name}\` has its rows from elsewhere, so none can be added`,
      cure: 'name a source that rows are pushed to: `push: {}`',
    })
  }
}

function complainOfTwins(
  declared: Declared,
  field: 'triggers' | 'sinks',
  reading: FleetReading,
): void {
  const seen = new Set<string>()
  for (const [index, { name }] of declared.value[field].entries()) {
    if (seen.has(name)) {
      reading.complain(declared, [field, index, 'name'], 'value', {
        code: 'E_SPEC_NAME_TAKEN',
        message: `two ${field} of graph \`${declared.value.name}\` are called \`${name}\``,
        cure: 'give one of them another name',
      })
    }
    seen.add(name)
  }
}

/** One path takes events for one graph, wherever it is declared. */
export function complainOfPaths(graphs: readonly Declared[], reading: FleetReading): void {
  const taken = new Map<string, string>()
  for (const declared of graphs) {
    for (const [index, { http }] of declared.value.triggers.entries()) {
      if (!http) continue
      const by = taken.get(http.path)
      if (by === undefined) taken.set(http.path, declared.value.name)
      else {
        reading.complain(declared, ['triggers', index, 'http', 'path'], 'value', {
          code: 'E_SPEC_NAME_TAKEN',
          message: `path \`${http.path}\` is that of a trigger of graph \`${by}\``,
          cure: 'give it another path: POST /api/v1/events/{path}',
        })
      }
    }
  }
}
