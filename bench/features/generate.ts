import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'

/*
 * The data of the feature benchmarks, written once for all sides: `views` feature tables of
 * `rows` together and a spine, entities uniform or Zipf-like, in no order, times over one year at
 * millisecond grain. Values are hashes of the row's number, so the same arguments give the same
 * files.
 */

export interface Shape {
  readonly spineRows: number
  readonly featureRows: number
  readonly entities: number
  readonly views: number
  /** Zipf: entity k is drawn about 1/k as often as the first. */
  readonly skew: 'uniform' | 'zipf'
}

const yearMs = 31_536_000_000

/** SQL of an entity in [0, entities) out of a hash that is uniform in [0, 1). */
function entitySql(seed: string, { entities, skew }: Shape): string {
  const uniform = `(hash(${seed}) % 1000003) / 1000003.0`
  return skew === 'uniform'
    ? `(hash(${seed}) % ${entities})::bigint`
    : `least(floor(power(${entities}, ${uniform})) - 1, ${entities - 1})::bigint`
}

function timeSql(seed: string): string {
  const us = `(hash(${seed}) % ${yearMs})::bigint * 1000`
  return `timestamptz '2025-01-01 00:00:00+00' + to_microseconds(${us})`
}

export async function generate(folder: string, shape: Shape): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' })
  const connection = await instance.connect()
  const write = (select: string, name: string) =>
    connection.run(`copy (${select}) to '${join(folder, name)}' (format parquet)`)
  const rows = Math.floor(shape.featureRows / shape.views)
  for (let v = 0; v < shape.views; v++) {
    const values = ['a', 'b', 'c'].map(
      (name, i) => `(hash(i * ${3 + 2 * i} + ${v}) % 1000000) / 1000.0 as ${name}${v}`,
    )
    await write(
      `select ${entitySql(`i * 7 + ${v}`, shape)} as entity,
              ${timeSql(`i * 13 + ${v + 1}`)} as event_timestamp, ${values.join(', ')}
       from range(${rows}) t(i)`,
      `view${v}.parquet`,
    )
  }
  await write(
    `select i as rid, ${entitySql('i * 17 + 5', shape)} as entity,
            ${timeSql('i * 19 + 9')} as event_timestamp
     from range(${shape.spineRows}) t(i)`,
    'spine.parquet',
  )
  connection.closeSync()
  instance.closeSync()
}
