import type { SpecFile } from './fleet-spec.ts'
import { counted, type DeclarationProblem, inOrder, masked, printable } from './problem.ts'
import { countDocuments, linesOf } from './text.ts'

/** Characters of a source line that are shown: a line of a generated file would bury the caret. */
const shownColumnsMax = 110

/** How much stands before the caret when a line is cut. */
const contextColumns = 60

/**
 * Problems as people read them: place and message, the line, carets with the cure; at the end the
 * count.
 *
 *     muster.yaml:33:25  unknown field `tranform` in feature `hour`
 *        hour: { sql: hour(date), tranform: cyclic(24) }
 *                                 ^^^^^^^^ use `transform`
 *     1 error in 6 documents. Nothing was changed.
 *
 * What follows from another problem is counted, and shown only with `all`.
 */
export function renderProblems(
  problems: readonly DeclarationProblem[],
  files: readonly SpecFile[],
  look: { readonly colour?: boolean; readonly all?: boolean } = {},
): string {
  const causes = problems.filter(problem => !problem.follows)
  // With no cause among them, consequences are all there is to show.
  const shown = inOrder(look.all || causes.length === 0 ? problems : causes)
  const parts = renderEach(shown, files, look)
  return [...parts, summary(problems, causes.length, shown.length, files)].join('\n')
}

/**
 * Each problem by itself: place and message, the line, carets with the cure. In the order given.
 */
export function renderEach(
  problems: readonly Omit<DeclarationProblem, 'code'>[],
  files: readonly SpecFile[],
  look: { readonly colour?: boolean } = {},
): readonly string[] {
  const lines = new Map(files.map(file => [file.path, linesOf(file.text)]))
  return problems.map(problem =>
    renderOne(problem, lines.get(problem.file)?.[problem.line - 1], look.colour ?? false),
  )
}

function renderOne(
  problem: Omit<DeclarationProblem, 'code'>,
  line: string | undefined,
  colour: boolean,
): string {
  const bold = (text: string) => (colour ? `\u001b[1m${text}\u001b[22m` : text)
  const red = (text: string) => (colour ? `\u001b[31m${text}\u001b[39m` : text)
  const place = bold(`${printable(problem.file, 200)}:${problem.line}:${problem.column}`)
  const head = `${place}  ${problem.message}`
  if (line === undefined || line.trim() === '') return `${head}\n   ${red('^')} ${problem.cure}`
  const { text, before, length } = excerpt(line, problem)
  return `${head}\n   ${text}\n   ${' '.repeat(before)}${red('^'.repeat(length))} ${problem.cure}`
}

/** The line without its indentation, cut round the caret when it is long. */
function excerpt(line: string, at: { column: number; length: number }) {
  const characters = Array.from(masked(line.trimEnd()))
  const indentation = characters.findIndex(character => character !== ' ')
  const column = Math.min(at.column - 1, characters.length)
  const first = Math.min(Math.max(indentation, 0), column)
  const from = column - first > shownColumnsMax - 20 ? column - contextColumns : first
  const shown = characters.slice(from, from + shownColumnsMax)
  const head = from > first ? '… ' : ''
  const tail = from + shownColumnsMax < characters.length ? ' …' : ''
  const length = Math.max(1, Math.min(at.length, shown.length - (column - from)))
  return {
    text: `${head}${shown.join('')}${tail}`,
    before: head.length + column - from,
    length,
  }
}

function summary(
  problems: readonly DeclarationProblem[],
  causes: number,
  shown: number,
  files: readonly SpecFile[],
): string {
  const documents = files.reduce((sum, file) => sum + countDocuments(file.text), 0)
  const rest = problems.length - causes
  const follow =
    causes === 0 || rest === 0
      ? ''
      : `, and ${rest} that follow${rest === 1 ? 's' : ''} from ${causes === 1 ? 'it' : 'them'}` +
        `${shown < problems.length ? ' (--all)' : ''},`
  const errors = counted(causes === 0 ? rest : causes, 'error')
  return `${errors}${follow} in ${counted(documents, 'document')}. Nothing was changed.`
}
