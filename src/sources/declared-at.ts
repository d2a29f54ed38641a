import { DataFault, faultAt } from '../engine/index.ts'
import type { DeclaredAt, PostgresLocation, SourceSpec } from '../spec/index.ts'
import type { Connection, Connections } from './connections.ts'

/* Where the parts of a source are declared, for errors that point at them. */

/** Where a source says what it reads; `index` of the files it lists. */
export function locationAt({ name, location }: SourceSpec, index?: number): DeclaredAt {
  const [place] = Object.keys(location)
  const listed = 's3' in location ? ['files'] : []
  return {
    kind: 'Source',
    name,
    path: [place!, ...listed, ...(index === undefined ? [] : [index])],
  }
}

export function columnAt({ name }: SourceSpec, column: string): DeclaredAt {
  return { kind: 'Source', name, path: ['columns', column] }
}

export function postgresAt({ name }: SourceSpec, part: keyof PostgresLocation): DeclaredAt {
  return { kind: 'Source', name, path: ['postgres', part] }
}

export function connectionAt({ name, location }: SourceSpec): DeclaredAt {
  return { kind: 'Source', name, path: [Object.keys(location)[0]!, 'connection'] }
}

/** The connection that a source names. Throws a DataFault at that name. */
export function connectionOf<Kind extends Connection['kind']>(
  source: SourceSpec,
  connections: Connections,
  kind: Kind,
): Extract<Connection, { readonly kind: Kind }> {
  const { location } = source
  const name =
    'postgres' in location
      ? location.postgres.connection
      : 's3' in location
        ? location.s3.connection
        : ''
  try {
    return connections.of(name, kind)
  } catch (error) {
    throw faultAt(connectionAt(source), error)
  }
}

export function sourceFault(at: DeclaredAt, detail: string, hint: string): DataFault {
  return new DataFault(at, 'E_SOURCE', detail, { hint })
}
