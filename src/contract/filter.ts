import { MusterError } from '../base/errors.ts'
import { readModelName } from '../base/model-name.ts'
import { nearest } from '../base/nearest.ts'
import { type ModelState, modelStates, type Role } from '../fleet/index.ts'

/*
 * The one filter language of list, API and console:
 *
 *   under:route-late.ATL state:failing blueprint:route-late level:leaf
 *   reason:not-worth-keeping rows:<200 text
 *
 * Terms are parted by white space and all must hold; a comma within `state`, `level` and `reason`
 * means "or". A bare word that names a state is that state; any other is text that the name must
 * hold, whatever its case.
 */

export const filterTerms = {
  under: 'a model and everything below it: under:route-late.ATL',
  state: 'serving, inherited, refused, failed, declared, retired, or failing (refused or failed)',
  blueprint: 'a family: blueprint:route-late',
  level: 'root, segment or leaf',
  reason: 'a reason code: reason:not-worth-keeping',
  rows: 'rows it was declared by: rows:<200, rows:>=1000, rows:100..500',
} as const
type Term = keyof typeof filterTerms

export interface Filter {
  readonly under?: string
  readonly states?: readonly ModelState[]
  readonly blueprint?: string
  readonly levels?: readonly Role[]
  readonly reasons?: readonly string[]
  /** Both ends included. */
  readonly rows?: { readonly from: number; readonly to: number }
  /** Lower case; each must be in the name. */
  readonly text: readonly string[]
}

const failing: readonly ModelState[] = ['refused', 'failed']
const roles: readonly Role[] = ['root', 'segment', 'leaf']
const stateWords: readonly string[] = [...modelStates, 'failing']
export const filterMaxLength = 1_000

function refuse(term: string, wrong: string, hint: string): never {
  throw new MusterError('E_QUERY', `\`${term}\` in the filter: ${wrong}`, { field: 'filter', hint })
}

function oneOf<T extends string>(term: string, words: string, known: readonly T[]): T[] {
  return words.split(',').map(word => {
    if ((known as readonly string[]).includes(word)) return word as T
    const near = nearest(word, known, 1)[0]
    return refuse(
      term,
      `\`${word}\` is none of ${known.join(', ')}`,
      near ? `use \`${near}\`` : `use one of ${known.join(', ')}`,
    )
  })
}

function readStates(term: string, words: string): readonly ModelState[] {
  const found = oneOf(term, words, stateWords)
  return [...new Set(found.flatMap(w => (w === 'failing' ? failing : [w as ModelState])))]
}

/** `<200`, `<=200`, `>200`, `>=200`, `200`, `100..500` as a closed range of whole numbers. */
function readRows(term: string, text: string): { from: number; to: number } {
  const range = /^(\d{1,15})\.\.(\d{1,15})$/.exec(text)
  if (range) return { from: Number(range[1]), to: Number(range[2]) }
  const bound = /^(<=|>=|<|>|)(\d{1,15})$/.exec(text)
  if (!bound) return refuse(term, 'not a number of rows', 'write rows:<200 or rows:100..500')
  const value = Number(bound[2])
  switch (bound[1]) {
    case '<':
      return { from: 0, to: value - 1 }
    case '<=':
      return { from: 0, to: value }
    case '>':
      return { from: value + 1, to: Number.MAX_SAFE_INTEGER }
    case '>=':
      return { from: value, to: Number.MAX_SAFE_INTEGER }
    default:
      return { from: value, to: value }
  }
}

function readTerm(term: string, word: Term, value: string): Partial<Filter> {
  switch (word) {
    case 'under':
      return readModelName(value)
        ? { under: value }
        : refuse(term, `\`${value}\` is not a model name`, 'write under:route-late.ATL')
    case 'blueprint':
      return readModelName(value) && !value.includes('.')
        ? { blueprint: value }
        : refuse(term, `\`${value}\` is not a blueprint name`, 'write blueprint:route-late')
    case 'state':
      return { states: readStates(term, value) }
    case 'level':
      return { levels: oneOf(term, value, roles) }
    case 'reason':
      return /^[a-z0-9-]+(,[a-z0-9-]+)*$/.test(value)
        ? { reasons: value.split(',') }
        : refuse(term, 'not a reason code', 'write reason:not-worth-keeping')
    case 'rows':
      return { rows: readRows(term, value) }
    default:
      return word satisfies never
  }
}

/** Parses a filter; an empty one holds for every model. Throws E_QUERY naming the term at fault. */
export function readFilter(text: string): Filter {
  if (text.length > filterMaxLength) {
    throw new MusterError('E_QUERY', `the filter has ${text.length} characters`, {
      field: 'filter',
      hint: `keep it under ${filterMaxLength}`,
    })
  }
  let filter: Filter = { text: [] }
  for (const term of text.trim().split(/\s+/).filter(Boolean)) {
    const colon = term.indexOf(':')
    const isState = colon < 0 && stateWords.includes(term)
    if (colon < 0 && !isState) {
      filter = { ...filter, text: [...filter.text, term.toLowerCase()] }
      continue
    }
    const word = isState ? 'state' : term.slice(0, colon)
    const value = isState ? term : term.slice(colon + 1)
    if (!Object.hasOwn(filterTerms, word)) {
      const near = nearest(word, Object.keys(filterTerms), 1)[0]
      refuse(
        term,
        `there is no term \`${word}\``,
        near ? `use \`${near}:\`` : `terms are ${Object.keys(filterTerms).join(', ')}`,
      )
    }
    if (value === '') refuse(term, 'nothing stands after the colon', filterTerms[word as Term])
    const read = readTerm(term, word as Term, value)
    for (const part of Object.keys(read)) {
      if (part in filter) refuse(term, `\`${word}\` is given twice`, 'give each term once')
    }
    filter = { ...filter, ...read }
  }
  return filter
}

/** What a filter looks at. */
export interface Filtered {
  readonly name: string
  readonly blueprint: string
  readonly level: Role
  readonly state: ModelState
  readonly reason: string
  readonly rows: number
}

export function matches(filter: Filter, model: Filtered): boolean {
  const { under, states, blueprint, levels, reasons, rows, text } = filter
  if (under !== undefined && model.name !== under && !model.name.startsWith(`${under}.`))
    return false
  if (states && !states.includes(model.state)) return false
  if (blueprint !== undefined && model.blueprint !== blueprint) return false
  if (levels && !levels.includes(model.level)) return false
  if (reasons && !reasons.includes(model.reason)) return false
  if (rows && (model.rows < rows.from || model.rows > rows.to)) return false
  const name = text.length > 0 ? model.name.toLowerCase() : ''
  return text.every(part => name.includes(part))
}
