import type { DeclaredKind, FleetReading } from './declared.ts'
import { readExpectations } from './expectations.ts'
import type { SourceLocation, SourceSpec } from './fleet-spec.ts'
import { type Complaint, printable } from './problem.ts'
import { asColumn, checkSourceParts, withoutSecrets } from './source-parts.ts'

/**
 * A source is files in a place that the operator gave, a connection that he configured, or what is
 * pushed: no declaration can name another place.
 */
export function readSource(
  declared: DeclaredKind<'Source'>,
  owner: string,
  dataRoots: readonly string[] | 'accepted',
  reading: FleetReading,
): SourceSpec {
  const { document, value } = declared
  const files = value.files === undefined ? [] : [value.files].flat()
  for (const [index, path] of files.entries()) {
    const complaint = pathComplaint(path, dataRoots)
    const at = Array.isArray(value.files) ? ['files', index] : ['files']
    if (complaint) reading.complain(declared, at, 'value', complaint)
  }
  checkSourceParts(declared, reading)
  return {
    name: value.name,
    location: locationOf(value, files),
    format: value.format ?? 'by-ending',
    eventTime: asColumn(value.eventTime, value.push && value.columns),
    key: value.key ?? [],
    columns: value.columns ?? {},
    expect: readExpectations(declared, reading),
    owner,
    ...(value.description !== undefined && { description: value.description }),
    place: document.place,
  }
}

function locationOf(
  value: DeclaredKind<'Source'>['value'],
  files: readonly string[],
): SourceLocation {
  if (value.npm !== undefined) return { npm: value.npm }
  if (value.push !== undefined) return { push: value.push }
  if (value.s3 !== undefined) {
    return { s3: { connection: value.s3.connection, files: [value.s3.files].flat() } }
  }
  if (value.postgres === undefined) return { files }
  const { connection, table, query, cursor } = value.postgres
  return { postgres: { connection, table, query, cursor } }
}

/**
 * What `sources/` checks again against the real folder, links included; here, so that `validate`
 * tells.
 */
function pathComplaint(
  path: string,
  dataRoots: readonly string[] | 'accepted',
): Complaint | undefined {
  const parts = path.split('/')
  const shown = printable(withoutSecrets(path))
  const wrong = (message: string): Complaint => ({
    code: 'E_SPEC_SOURCE',
    message,
    cure: 'name files inside the folder of the fleet: data/flights.parquet, data/*.csv',
  })
  if (/[\u0000-\u001f\u007f]/.test(path)) return wrong(`\`${shown}\` holds a control character`)
  if (/^[a-z][a-z0-9+.-]*:/i.test(path)) return wrong(`\`${shown}\` is an address, not a file`)
  if (path.includes('\\')) return wrong(`\`${shown}\` has a backslash; folders are parted by /`)
  if (/%(?:25|2e|2f|5c|00)/i.test(path)) return wrong(`\`${shown}\` hides a part behind %`)
  if (parts.includes('..')) return wrong(`\`${shown}\` leaves the folder of the fleet`)
  if (path.startsWith('~')) return wrong(`\`${shown}\` lies outside the folder of the fleet`)
  if (!path.startsWith('/')) return undefined
  if (dataRoots === 'accepted') return undefined
  const allowed = dataRoots.some(root => path === root || path.startsWith(`${trimmed(root)}/`))
  if (allowed) return undefined
  const outside = wrong(`\`${shown}\` lies outside the folder of the fleet`)
  return {
    ...outside,
    cure: 'name files inside that folder, or let Muster read its: MUSTER_DATA_ROOTS',
  }
}

function trimmed(root: string): string {
  return root.replace(/\/+$/, '')
}
