import { type Engine, quoted, type Relation } from '../engine/index.ts'
import { entitySql, equal } from './entities.ts'
import { NumberColumn } from './number-column.ts'
import { readByRow, rowNumberSql } from './spine.ts'
import { groupAsks } from './sweep.ts'
import { gathered } from './time-order.ts'
import type { NumberedRows } from './view-rows.ts'
import type { EntityAsks } from './window-bounds.ts'

/** The entities that asking rows name, numbered from 1 in the order of their keys. */
export interface AskedEntities {
  readonly count: number
  /** Of one whole-numbered column: its values, which ascend, by number of the entity less one. */
  readonly numbers?: Float64Array | undefined
  /** Makes the table of them, once: `"muster by 0"`, ..., `"muster entity"`. Gives its name. */
  define(engine: Engine): Promise<string>
  /** The rows that ask, by their entity. */
  asks(): Promise<EntityAsks>
}

export interface WhoAsks {
  /** The row number of each place; without it places are row numbers. */
  readonly places?: Int32Array
  /** SQL that says which rows ask; others have no entities. */
  readonly where?: string
  /** A key of theirs that was read before. */
  readonly numbers?: NumberColumn | undefined
  /** Tables of two that are in use together have names of their own. */
  readonly tables?: string
}

/**
 * The rows that ask for features, each as of a time. They are told by their place: the caller
 * chooses the order in which features are written. Groups over the same keys share their entities.
 */
export class AskingRows {
  readonly relation: Relation
  /** By place; NaN asks for nothing. */
  readonly asOfUs: Float64Array
  readonly #rows: number
  readonly #who: WhoAsks
  readonly #asked = new Map<string, AskedEntities>()

  constructor({ relation, rows }: NumberedRows, asOfUs: Float64Array, who: WhoAsks = {}) {
    this.relation = relation
    this.asOfUs = asOfUs
    this.#rows = rows
    this.#who = who
  }

  /** What is known by row number, by place. */
  inPlaces(byRowNumber: Int32Array): Int32Array {
    const { places } = this.#who
    return places ? gathered(byRowNumber, places) : byRowNumber
  }

  /** By keys that are SQL over the rows; `areWhole`: by one, a whole number. */
  async entitiesBy(
    engine: Engine,
    keys: readonly string[],
    areWhole: boolean,
  ): Promise<AskedEntities> {
    const called = JSON.stringify([keys, areWhole])
    const known = this.#asked.get(called)
    if (known) return known
    const table = `${this.#who.tables ?? 'muster entities'} ${this.#asked.size}`
    const column = areWhole ? await this.#numbers(engine, keys[0]!) : undefined
    let defined: Promise<void> | undefined
    const define = async () => {
      defined ??= this.#define(engine, table, keys)
      await defined
      return table
    }
    const count = column ? column.numbers.length : await countOf(engine, await define())
    let asks: Promise<EntityAsks> | undefined
    const readAsks = async () => {
      const entities = column ? column.places : await this.#entities(engine, table, keys)
      return groupAsks(this.asOfUs, this.inPlaces(entities), count)
    }
    const asked = {
      count,
      numbers: column?.numbers,
      define,
      asks: () => {
        asks ??= readAsks()
        return asks
      },
    }
    this.#asked.set(called, asked)
    return asked
  }

  /** Undefined when one of them is no number of JavaScript's. */
  async #numbers(engine: Engine, key: string): Promise<NumberColumn | undefined> {
    const { numbers: known, where = 'true' } = this.#who
    if (known?.key === key) return known
    const column = new NumberColumn(key, this.#rows)
    const from = quoted(this.relation.name)
    await readByRow(engine, { number: this.#number, from, where }, [column.target])
    return column.numbers.every(Number.isSafeInteger) ? column : undefined
  }

  async #define(engine: Engine, table: string, keys: readonly string[]): Promise<void> {
    const names = keys.map((_, b) => quoted(`muster by ${b}`))
    await engine.define(
      `create or replace temp table ${quoted(table)} as
       select *, row_number() over (order by ${names.join(', ')})::integer as "muster entity"
       from (select distinct ${keys.map((key, b) => `${key} as ${names[b]}`).join(', ')}
             from ${quoted(this.relation.name)} where ${this.#who.where ?? 'true'})
       where ${names.map(name => `${name} is not null`).join(' and ')}`,
    )
  }

  /** By row number; 0 where there is none. */
  async #entities(engine: Engine, table: string, keys: readonly string[]): Promise<Int32Array> {
    const into = new Int32Array(this.#rows)
    const from = `${quoted(this.relation.name)} left join ${quoted(table)} on ${equal(keys, table)}`
    const target = { sql: entitySql({ named: table }), into }
    const query = { number: this.#number, from, where: this.#who.where ?? 'true' }
    await readByRow(engine, query, [target])
    return into
  }

  get #number(): string {
    return `${quoted(this.relation.name)}.${rowNumberSql}`
  }
}

async function countOf(engine: Engine, table: string): Promise<number> {
  const [counted] = await engine.rows<{ rows: number }>(
    `select count(*)::double as rows from ${quoted(table)}`,
  )
  return counted?.rows ?? 0
}
