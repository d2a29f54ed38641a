import { MusterError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import {
  DataFault,
  type Engine,
  embedded,
  faultAt,
  isBoolean,
  isNumber,
  isTime,
  literal,
  quoted,
  type Relation,
  readExpression,
} from '../engine/index.ts'
import type { DeclaredAt, ExpectationCheck, ExpectationSpec, SourceSpec } from '../spec/index.ts'
import { rowNumber } from './relation.ts'

/*
 * Expectations of rows as SQL. A null is at fault only where a value is required: as with CHECK in
 * SQL, what is not known to be wrong stays.
 */

/** An expectation of rows. */
export interface RowCheck {
  readonly spec: ExpectationSpec
  /** SQL over a row, true or false: whether it is at fault. */
  readonly fault: string
  /** SQL of the text that shows what is wrong with a row at fault; undefined: the row itself. */
  readonly shown: string | undefined
}

/** The check as SQL; undefined for one of the whole source. Throws DataFault at its field. */
export async function rowCheckOf(
  engine: Engine,
  source: SourceSpec,
  relation: Relation,
  spec: ExpectationSpec,
): Promise<RowCheck | undefined> {
  const { check } = spec
  const of = new CheckedColumns(engine, source, relation, spec)
  switch (check.kind) {
    case 'required': {
      const { sql } = of.column(check.column, ['column'])
      return { spec, fault: `${sql} is null`, shown: undefined }
    }
    case 'range': {
      const column = of.column(check.column, ['column'])
      return { spec, fault: await rangeFault(of, column, check), shown: textOf(column.sql) }
    }
    case 'oneOf': {
      const column = of.column(check.column, ['column'])
      return { spec, fault: await oneOfFault(of, column, check), shown: textOf(column.sql) }
    }
    case 'unique': {
      const names = check.columns.map((name, at) => of.column(name, ['unique', at]).sql)
      const shown = names.map((name, at) => `${literal(check.columns[at] ?? '')} || ' ' || ${name}`)
      return {
        spec,
        fault: repeatedSql(quoted(relation.name), names),
        shown: textOf(shown.join(" || ', ' || ")),
      }
    }
    case 'holds':
      return { spec, fault: await of.failing(check.sql), shown: undefined }
    default:
      return undefined
  }
}

/** Throws a DataFault when a check of the whole source names a column that is not there. */
export function checkColumnOf(source: SourceSpec, relation: Relation, spec: ExpectationSpec): void {
  if (!('column' in spec.check)) return
  columnIn(source, relation, spec, spec.check.column, ['column'])
}

interface CheckedColumn {
  readonly sql: string
  readonly type: string
  readonly name: string
}

export function placeOf(
  { name }: Pick<SourceSpec, 'name'>,
  { index }: Pick<ExpectationSpec, 'index'>,
  below: readonly (string | number)[],
): DeclaredAt {
  return { kind: 'Source', name, path: ['expect', index, ...below] }
}

function columnIn(
  source: SourceSpec,
  { columns }: Relation,
  spec: ExpectationSpec,
  name: string,
  field: readonly (string | number)[],
): CheckedColumn {
  const found = columns.find(c => c.name.toLowerCase() === name.toLowerCase())
  if (found) return { sql: quoted(found.name), type: found.type, name: found.name }
  const names = columns.map(c => c.name)
  const [near] = nearest(name, names, 1)
  const shown = `${names.slice(0, 20).join(', ')}${names.length > 20 ? ', ...' : ''}`
  throw new DataFault(
    placeOf(source, spec, field),
    'E_DATA_SCHEMA',
    `\`${source.name}\` has no column \`${name}\``,
    { hint: near === undefined ? `the columns are ${shown}` : `use \`${near}\`` },
  )
}

/** The columns of one expectation, and what it compares them with, each fault at its own field. */
class CheckedColumns {
  readonly #engine: Engine
  readonly #source: SourceSpec
  readonly #relation: Relation
  readonly #spec: ExpectationSpec

  constructor(engine: Engine, source: SourceSpec, relation: Relation, spec: ExpectationSpec) {
    this.#engine = engine
    this.#source = source
    this.#relation = relation
    this.#spec = spec
  }

  column(name: string, field: readonly (string | number)[]): CheckedColumn {
    return columnIn(this.#source, this.#relation, this.#spec, name, field)
  }

  refuse(field: readonly (string | number)[], detail: string, hint: string): never {
    throw new DataFault(placeOf(this.#source, this.#spec, field), 'E_DATA_SCHEMA', detail, { hint })
  }

  /** Declared texts as values of `type`; `field` says where the one with a number stands. */
  async cast(
    texts: readonly string[],
    type: string,
    field: (at: number) => readonly (string | number)[],
  ): Promise<readonly string[]> {
    const [wrong] = await this.#engine.rows<{ text: string }>(
      `select text from (select unnest([${texts.map(literal).join(', ')}]) as text)
       where try_cast(text as ${type}) is null limit 1`,
    )
    if (wrong === undefined) return texts.map(text => `cast(${literal(text)} as ${type})`)
    const form = isTime(type) ? '2026-11-01 or 2026-11-01 08:00' : `a ${type}`
    const at = texts.indexOf(wrong.text)
    return this.refuse(field(at), `\`${wrong.text}\` is not a ${type}`, `write it as ${form}`)
  }

  /** Whether a declared expression is false. */
  async failing(sql: string): Promise<string> {
    try {
      const { type } = await readExpression(this.#engine, this.#relation, sql)
      if (isBoolean(type)) return `not coalesce(${embedded(sql)}, true)`
      throw new MusterError('E_DATA_SCHEMA', `it is ${type}, neither true nor false`, {
        hint: 'compare something: delay <= 1000',
      })
    } catch (error) {
      throw faultAt(placeOf(this.#source, this.#spec, ['holds']), error)
    }
  }
}

async function rangeFault(
  of: CheckedColumns,
  { sql, type, name }: CheckedColumn,
  { min, max }: Extract<ExpectationCheck, { kind: 'range' }>,
): Promise<string> {
  const faults: string[] = /^(?:FLOAT|DOUBLE)$/.test(type) ? [`isnan(${sql})`] : []
  for (const [field, bound, beyond] of [
    ['min', min, '<'],
    ['max', max, '>'],
  ] as const) {
    if (bound === undefined) continue
    if (isNumber(type) !== (typeof bound === 'number')) {
      const suits = isNumber(type) ? 'a number' : 'a text in quotes'
      of.refuse([field], `\`${name}\` is ${type}, and ${bound} is not`, `give ${suits}`)
    }
    const [value] =
      typeof bound === 'number' ? [`${bound}::double`] : await of.cast([bound], type, () => [field])
    faults.push(`${sql} ${beyond} ${value}`)
  }
  return `coalesce(${faults.join(' or ')}, false)`
}

async function oneOfFault(
  of: CheckedColumns,
  { sql, type, name }: CheckedColumn,
  { values }: Extract<ExpectationCheck, { kind: 'oneOf' }>,
): Promise<string> {
  const plain = isNumber(type) ? 'number' : isBoolean(type) ? 'boolean' : undefined
  const wrong = plain === undefined ? -1 : values.findIndex(value => typeof value !== plain)
  if (wrong >= 0) {
    const hint = `give values that ${type} can hold, or declare the column as VARCHAR`
    const detail = `\`${name}\` is ${type}, and \`${values[wrong]}\` is not`
    of.refuse(['oneOf', wrong], detail, hint)
  }
  const texts = values.map(String)
  const allowed = isTime(type)
    ? await of.cast(texts, type, at => ['oneOf', at])
    : texts.map(text =>
        isNumber(type) ? `${text}::double` : isBoolean(type) ? text : literal(text),
      )
  const compared = plain !== undefined || isTime(type) ? sql : textOf(sql)
  return `coalesce(${compared} not in (${allowed.join(', ')}), false)`
}

/** Whether an earlier row has the same values; a null is equal to nothing. */
function repeatedSql(rows: string, names: readonly string[]): string {
  const row = quoted(rowNumber)
  const list = names.join(', ')
  return `${row} in (
    select ${row} from ${rows} join (
      select ${list}, min(${row}) as "muster first" from ${rows}
      where ${names.map(name => `${name} is not null`).join(' and ')}
      group by ${list} having count(*) > 1
    ) using (${list}) where ${row} > "muster first"
  )`
}

function textOf(sql: string): string {
  return `cast(${sql} as varchar)`
}
