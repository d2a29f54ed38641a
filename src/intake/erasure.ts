import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import { literal, quoted, type Writer } from '../engine/index.ts'
import type { Blobs, Snapshot, SnapshotFile } from '../fleet/index.ts'
import {
  type KeptParts,
  type KeptShape,
  keptSnapshotOf,
  rowNumber,
  type WrittenFile,
  wholeOf,
  withSetAside,
  writeFile,
} from '../sources/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import type { Entity } from './delete.ts'

/** A column that says which file a row is from. With a blank, so that no column has its name. */
const fileColumn = 'muster file'
/** Files that one statement reads: names in a list, and handles of the system. */
const filesAtOnce = 500

/** Rows that go, found through all files of a history, and what is left of files and snapshots. */
export class Erasing {
  readonly #writer: Writer
  readonly #shape: KeptShape
  readonly #paths: ReadonlyMap<string, string>
  /** Files that hold rows that go, and what is left of each; undefined: nothing. */
  readonly #left = new Map<Digest, WrittenFile | undefined>()
  readonly #ranges = new Map<Digest, { readonly fromMs: number; readonly toMs: number }>()

  constructor(writer: Writer, shape: KeptShape, paths: ReadonlyMap<string, string>) {
    this.#writer = writer
    this.#shape = shape
    this.#paths = paths
  }

  /** Looks for the entities, and writes the files that hold them again without them. */
  async find(
    entities: readonly Entity[],
    files: ReadonlyMap<Digest, SnapshotFile>,
  ): Promise<{ readonly rows: number; readonly entities: number }> {
    const writer = this.#writer
    const number = quoted(rowNumber)
    await writer.run(`create table gone (entity integer, file varchar, ${number} integer)`)
    const columnSets = Map.groupBy(entities.entries(), ([, entity]) => columnsKey(entity))
    for (const [set, members] of [...columnSets].map(
      (pair, at) => [`named_${at}`, pair[1]] as const,
    )) {
      await this.#name(set, members)
      const columns = Object.keys(members[0]![1]).map(quoted).join(', ')
      for (const paths of chunks([...files.keys()].map(digest => this.#path(digest)))) {
        await writer.run(
          `insert into gone select entity, ${quoted(fileColumn)}, ${number}
           from ${reading(paths)} join ${set} using (${columns})`,
        )
      }
    }
    const holding = await writer.rows<{ file: string }>('select distinct file from gone')
    const byPath = new Map([...files.keys()].map(digest => [this.#path(digest), digest]))
    for (const { file } of holding) {
      const digest = byPath.get(file)!
      this.#left.set(digest, await this.#rewrite(files.get(digest)!, file))
    }
    const [found] = await writer.rows<{ rows: number; entities: number }>(
      `select count(distinct ${number})::double as rows,
         count(distinct entity)::double as entities from gone`,
    )
    return found!
  }

  /** Files that are to be erased. */
  get holders(): readonly Digest[] {
    return [...this.#left.keys()]
  }

  /** What takes their place. */
  get written(): readonly WrittenFile[] {
    return [...this.#left.values()].filter(file => file !== undefined)
  }

  isHeldBy(snapshot: Snapshot): boolean {
    return snapshot.files.some(file => this.#left.has(file.digest))
  }

  /** What is left of a snapshot, with all its rows. To be called before the files are moved. */
  async partsOf(snapshot: Snapshot): Promise<KeptParts> {
    const files = snapshot.files.flatMap(file => {
      if (!this.#left.has(file.digest)) return [file]
      return this.#left.get(file.digest)?.file ?? []
    })
    await this.#measure(files)
    const ranges = files.map(file => this.#ranges.get(file.digest)!)
    const bound = (values: readonly number[], pick: (a: number, b: number) => number) =>
      values.length === 0 ? null : values.reduce((a, b) => pick(a, b))
    return {
      files,
      fromMs: bound(
        ranges.map(r => r.fromMs),
        Math.min,
      ),
      toMs: bound(
        ranges.map(r => r.toMs),
        Math.max,
      ),
      rowNumbersTo: snapshot.rowNumbersTo ?? 0,
    }
  }

  /** What is left of a snapshot, with the rows aside that were. After the files are stored. */
  async leftOf(
    source: SourceSpec,
    snapshot: Snapshot,
    parts: KeptParts,
    blobs: Blobs,
  ): Promise<Snapshot> {
    const whole = keptSnapshotOf(this.#shape, parts)
    if (snapshot.setAside === undefined) return whole
    const aside = literal(this.#paths.get(snapshot.setAside.digest)!)
    const number = quoted(rowNumber)
    const rows = await this.#writer.rows<{ row: number }>(
      `select ${number} as row from read_parquet(${aside})
       anti join gone using (${number}) order by 1`,
    )
    const numbers = rows.map(({ row }) => row)
    return withSetAside(source, wholeOf(whole), numbers, blobs)
  }

  #path(digest: Digest): string {
    return this.#paths.get(digest)!
  }

  /** A table of entities that name the same columns, with their numbers. */
  async #name(table: string, members: readonly (readonly [number, Entity])[]): Promise<void> {
    const names = Object.keys(members[0]![1]).sort()
    const types = new Map(this.#shape.columns.map(c => [c.name, c.type]))
    const typed = names.map(
      name => `try_cast(${quoted(name)} as ${types.get(name)}) as ${quoted(name)}`,
    )
    const rows = members.map(([at, entity]) => {
      const values = names.map(name => literal(String(entity[name])))
      return `(${[at, ...values].join(', ')})`
    })
    await this.#writer.run(
      `create table ${table} as select entity, ${typed.join(', ')}
       from (values ${rows.join(', ')}) as _(${['entity', ...names.map(quoted)].join(', ')})`,
    )
    for (const name of names) {
      const [bad] = await this.#writer.rows<{ entity: number }>(
        `select entity from ${table} where ${quoted(name)} is null limit 1`,
      )
      if (bad === undefined) continue
      const [, entity] = members.find(([at]) => at === bad.entity)!
      const detail = `\`${entity[name]}\` is no ${types.get(name)}, which \`${name}\` is`
      throw new MusterError('E_USAGE', detail, {
        field: name,
        hint: `name it as it stands in the rows: muster data profile ${this.#shape.source}`,
      })
    }
  }

  async #rewrite(file: SnapshotFile, path: string): Promise<WrittenFile | undefined> {
    const left = `select * from read_parquet([${literal(path)}])
      anti join gone using (${quoted(rowNumber)})`
    const [some] = await this.#writer.rows(`select 1 from (${left}) limit 1`)
    if (some === undefined) return undefined
    // Files of other snapshots have the same place: each is written under a name of its own.
    const name = `left-${this.#left.size}.parquet`
    return writeFile(this.#writer, left, this.#shape, file.partitionMs!, name)
  }

  async #measure(files: readonly SnapshotFile[]): Promise<void> {
    const written = new Map(this.written.map(({ file, path }) => [file.digest, path]))
    const unknown = files.filter(file => !this.#ranges.has(file.digest))
    const byPath = new Map(
      unknown.map(({ digest }) => [written.get(digest) ?? this.#path(digest), digest]),
    )
    const micros = `epoch_us(cast(${quoted(this.#shape.eventTime)} as timestamp))::double`
    for (const paths of chunks([...byPath.keys()])) {
      const rows = await this.#writer.rows<{ file: string; fromMs: number; toMs: number }>(
        `select ${quoted(fileColumn)} as file, min(${micros}) / 1000 as "fromMs",
           max(${micros}) / 1000 as "toMs" from ${reading(paths)} group by all`,
      )
      for (const { file, fromMs, toMs } of rows)
        this.#ranges.set(byPath.get(file)!, { fromMs, toMs })
    }
  }
}

function columnsKey(entity: Entity): string {
  return JSON.stringify(Object.keys(entity).sort())
}

function reading(paths: readonly string[]): string {
  return `read_parquet([${paths.map(literal).join(', ')}], filename = ${literal(fileColumn)})`
}

function* chunks(paths: readonly string[]): Generator<readonly string[]> {
  for (let at = 0; at < paths.length; at += filesAtOnce) yield paths.slice(at, at + filesAtOnce)
}
