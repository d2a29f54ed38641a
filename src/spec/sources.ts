import type { DeclaredKind, FleetReading } from './declared.ts'
import type { SourceSpec } from './fleet-spec.ts'
import { type Complaint, printable } from './problem.ts'

/** A source is files in a place that the operator gave, so that no declaration can name another. */
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
  return {
    name: value.name,
    location: value.npm === undefined ? { files } : { npm: value.npm },
    format: value.format ?? 'by-ending',
    eventTime: value.eventTime,
    columns: value.columns ?? {},
    owner,
    place: document.place,
  }
}

/**
 * What `features/` checks again against the real folder, links included; here, so that `validate`
 * tells.
 */
function pathComplaint(
  path: string,
  dataRoots: readonly string[] | 'accepted',
): Complaint | undefined {
  const parts = path.split('/')
  const shown = printable(path)
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
