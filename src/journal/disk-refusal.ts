import { MusterError } from '../base/errors.ts'

/** What the disk said, as the caller of a model may hear it: which volume, and what to do. */
export function diskRefusal(cause: unknown): MusterError {
  const code = (cause as NodeJS.ErrnoException).code ?? 'unknown'
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new MusterError('E_DISK_FULL', 'the volume of the journal is full', {
      field: 'journal',
      hint: 'Free space on the volume that holds the folder `journal` of MUSTER_HOME.',
      extra: { volume: 'journal', retryAfterSeconds: 1 },
      cause,
    })
  }
  return new MusterError('E_JOURNAL', `the disk does not take the journal: ${code}`, {
    field: 'journal',
    hint: 'Check the volume that holds the folder `journal` of MUSTER_HOME.',
    extra: { volume: 'journal', retryAfterSeconds: 1 },
    cause,
  })
}
