import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { MusterError } from '../base/errors.ts'
import {
  type DeclarationProblem,
  type FleetRead,
  readDataRoots,
  readFleet,
  readSpecFiles,
  renderProblems,
  type SpecFile,
} from '../spec/index.ts'
import type { Call } from './command.ts'

export interface FleetFolder {
  /** Absolute. */
  readonly path: string
  readonly files: readonly SpecFile[]
  readonly problems: readonly DeclarationProblem[]
  /** What they mean, when nothing is wrong with them. */
  readonly read: Extract<FleetRead, { problems: readonly [] }> | undefined
}

/** Reads and checks the declarations of a folder. Throws E_USAGE when it is no folder. */
export async function readFleetFolder(call: Call, given: string | undefined): Promise<FleetFolder> {
  const path = resolve(call.terminal.cwd, given ?? '.')
  const found = await stat(path).catch(() => undefined)
  if (!found?.isDirectory()) {
    throw new MusterError('E_USAGE', `${given} ${found ? 'is not a folder' : 'does not exist'}`, {
      hint: 'name the folder of a fleet, or begin one: muster init',
    })
  }
  const { files, problems } = await readSpecFiles(path)
  // All faults in one run: what is wrong with files, and with what the others declare.
  const dataRoots = readDataRoots(call.terminal.env.MUSTER_DATA_ROOTS)
  const declared = files.length > 0 ? readFleet(files, { dataRoots }) : undefined
  return {
    path,
    files,
    problems: [...problems, ...(declared?.problems ?? [])],
    read: problems.length === 0 && declared?.spec ? declared : undefined,
  }
}

/** Prints the problems: as objects, or with place, caret and cure. */
export function showProblems(
  call: Call,
  problems: readonly DeclarationProblem[],
  files: readonly SpecFile[],
): void {
  if (call.screen.json) {
    for (const problem of problems) call.screen.object({ problem })
    return
  }
  const colour = call.screen.talkInk.isColorSupported
  call.screen.say(renderProblems(problems, files, { colour, all: call.flag('all') }))
}

/** The problems that a server sent with E_SPEC, or none. */
export function problemsOf(error: unknown): readonly DeclarationProblem[] {
  const problems = error instanceof MusterError ? error.extra.problems : undefined
  return Array.isArray(problems) ? (problems as readonly DeclarationProblem[]) : []
}
