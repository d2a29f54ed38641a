import type { ValidateAnswer, ValidateAsk } from '../contract/index.ts'
import { checkSources, flushed, type TakenSource } from '../intake/index.ts'
import {
  bindDeclared,
  editedViews,
  type ReadSpec,
  readDeclared,
  SpecRefused,
} from '../reconcile/index.ts'
import { oddTimes } from '../sources/index.ts'
import { countDocuments, type DeclarationProblem, problemAt } from '../spec/index.ts'
import type { DeskParts } from './desk-parts.ts'

type DataFinding = ValidateAnswer['findings'][number]

/**
 * All that is wrong with declarations; with a folder also with their data, to which what was pushed
 * belongs. Nothing else is recorded, and data that fails what is expected of it is told at the line
 * that expects it.
 */
export async function validate(
  ask: ValidateAsk,
  parts: DeskParts,
  signal?: AbortSignal,
): Promise<ValidateAnswer> {
  const documents = ask.files.reduce((sum, file) => sum + countDocuments(file.text), 0)
  const findings: DataFinding[] = []
  const problems: DeclarationProblem[] = []
  try {
    const read = readDeclared(ask.files, parts)
    if (ask.fleetFolder !== undefined) {
      problems.push(...(await editedViews(read, parts.store)))
      const at = { ...parts, fleetFolder: ask.fleetFolder }
      await storePushed(parts)
      const taken = await checkSources([...read.spec.sources.values()], at)
      findings.push(...findingsOf(taken))
      problems.push(...problemsOf(taken, read))
      await bindDeclared(read, taken, { blobs: parts.blobs, signal })
      findings.push(...(await oddTimesOf(taken, parts)))
    }
  } catch (error) {
    if (!(error instanceof SpecRefused)) throw error
    problems.push(...error.problems)
  }
  return { valid: problems.length === 0, documents, problems, findings }
}

/** What waits came under the declaration that was applied, and is judged by that. */
async function storePushed(parts: DeskParts): Promise<void> {
  const applied = await parts.fleet.spec()
  for (const source of applied?.sources.values() ?? []) {
    if ('push' in source.location) await flushed(source, parts)
  }
}

/** What is told and stops nothing: rows that would be set aside, and warnings. */
function findingsOf(taken: readonly TakenSource[]): readonly DataFinding[] {
  return taken.flatMap(({ source, findings }) =>
    findings.flatMap(({ onFail, holds, expected, because, count }) =>
      holds || onFail === 'reject'
        ? []
        : [{ source: source.name, onFail, expected, because, count }],
    ),
  )
}

async function oddTimesOf(
  taken: readonly TakenSource[],
  { blobs, clock }: DeskParts,
): Promise<readonly DataFinding[]> {
  const found: DataFinding[] = []
  for (const { source, snapshot } of taken) {
    if (snapshot === undefined) continue
    for (const { count, said } of await oddTimes(source, snapshot, { blobs, now: clock.now() })) {
      const about = { source: source.name, onFail: 'warn' as const, expected: 'eventTime' }
      found.push({ ...about, because: said, count })
    }
  }
  return found
}

function problemsOf(taken: readonly TakenSource[], read: ReadSpec): readonly DeclarationProblem[] {
  return taken.flatMap(({ source, findings }) =>
    findings.flatMap(({ index, onFail, holds, expected, because }) => {
      if (holds || onFail !== 'reject') return []
      const at = { kind: 'Source' as const, name: source.name, path: ['expect', index] }
      const detail = `\`${expected}\` does not hold: ${because}`
      const hint = 'mend the data, or what is expected of it'
      return [problemAt(read.locate, { at, code: 'E_EXPECTATION', detail, hint })]
    }),
  )
}
