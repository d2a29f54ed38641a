import { type Engine, quoted, type Relation } from '../engine/index.ts'
import { entitySql, equal, placeLookup } from './entities.ts'
import { readByRow, rowNumberSql } from './spine.ts'
import { groupAsks } from './sweep.ts'
import { gathered } from './time-order.ts'
import type { NumberedRows } from './view-rows.ts'
import type { EntityAsks } from './window-bounds.ts'

/** The entities that asking rows name, numbered from 1 in the order of their keys. */
export interface AskedEntities {
  /** Of the numbered entities: `"muster by 0"`, ..., `"muster entity"`. */
  readonly table: string
  readonly count: number
  /** Of one whole-numbered column: its values, which ascend, by number of the entity less one. */
  readonly numbers?: Float64Array | undefined
  /** The rows that ask, by their entity. */
  asks(): Promise<EntityAsks>
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
  readonly #places: Int32Array | undefined
  readonly #tables: string
  readonly #asked = new Map<string, AskedEntities>()

  /**
   * `places` has the row number of each place; without it places are row numbers. Tables of two
   * that are in use together have names of their own.
   */
  constructor(
    { relation, rows }: NumberedRows,
    asOfUs: Float64Array,
    places?: Int32Array,
    tables = 'muster entities',
  ) {
    this.relation = relation
    this.asOfUs = asOfUs
    this.#rows = rows
    this.#places = places
    this.#tables = tables
  }

  /** What is known by row number, by place. */
  inPlaces(byRowNumber: Int32Array): Int32Array {
    return this.#places ? gathered(byRowNumber, this.#places) : byRowNumber
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
    const table = `${this.#tables} ${this.#asked.size}`
    const names = keys.map((_, b) => quoted(`muster by ${b}`))
    await engine.define(
      `create or replace temp table ${quoted(table)} as
       select *, row_number() over (order by ${names.join(', ')})::integer as "muster entity"
       from (select distinct ${keys.map((key, b) => `${key} as ${names[b]}`).join(', ')}
             from ${quoted(this.relation.name)})
       where ${names.map(name => `${name} is not null`).join(' and ')}`,
    )
    const [counted] = await engine.rows<{ rows: number }>(
      `select count(*)::double as rows from ${quoted(table)}`,
    )
    const count = counted?.rows ?? 0
    const numbers = areWhole ? await readNumbers(engine, table, count) : undefined
    let asks: Promise<EntityAsks> | undefined
    const readAsks = async () =>
      groupAsks(
        this.asOfUs,
        this.inPlaces(await this.#entities(engine, table, keys, numbers)),
        count,
      )
    const asked = {
      table,
      count,
      numbers,
      asks: () => {
        asks ??= readAsks()
        return asks
      },
    }
    this.#asked.set(called, asked)
    return asked
  }

  /** By row number; 0 where there is none. */
  async #entities(
    engine: Engine,
    table: string,
    keys: readonly string[],
    numbers: Float64Array | undefined,
  ): Promise<Int32Array> {
    const into = new Int32Array(this.#rows)
    const name = quoted(this.relation.name)
    const number = `${name}.${rowNumberSql}`
    if (numbers) {
      const target = { sql: `${keys[0]}::double`, into, map: placeLookup(numbers) }
      await readByRow(engine, { number, from: name, where: 'true' }, [target])
      return into
    }
    const from = `${name} left join ${quoted(table)} on ${equal(keys, table)}`
    const target = { sql: entitySql({ named: table }), into }
    await readByRow(engine, { number, from, where: 'true' }, [target])
    return into
  }
}

/** Undefined when one of them is no number of JavaScript's. */
async function readNumbers(
  engine: Engine,
  table: string,
  count: number,
): Promise<Float64Array | undefined> {
  const into = new Float64Array(count)
  const query = { number: '"muster entity" - 1', from: quoted(table), where: 'true' }
  await readByRow(engine, query, [{ sql: '"muster by 0"::double', into }])
  return into.every(Number.isSafeInteger) ? into : undefined
}
