import { link, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { must } from '../base/assert.ts'
import { type Engine, openEngine } from '../engine/index.ts'
import { rowNumbersOf, type SourceData } from '../fleet/index.ts'
import { defineSource } from '../sources/index.ts'
import type { FeatureGroupSpec } from '../spec/index.ts'
import { type CurrentRow, type CurrentRows, type EntityKind, openCurrent } from './current.ts'

/*
 * Rows of one source that have just arrived, read by an engine that stays open: to open one and to
 * bind the expressions takes thirty times as long as to evaluate them for a hundred rows. An engine
 * reads only the files that it was opened for, so each batch is linked to the one name it may read.
 */

/** A batch is small; its expressions are what training runs on far more rows. */
const memoryMb = 256

/** What is read of each batch. */
export interface ArrivedKind {
  readonly group: FeatureGroupSpec
  readonly kind: EntityKind
}

export class ArrivedRows implements AsyncDisposable {
  readonly #engine: Engine
  readonly #folder: string
  readonly #kinds: readonly CurrentRows[]
  #last: Promise<unknown> = Promise.resolve()

  private constructor(engine: Engine, folder: string, kinds: readonly CurrentRows[]) {
    this.#engine = engine
    this.#folder = folder
    this.#kinds = kinds
  }

  /** `first` is a batch, whose columns all others have; its only file is at `path`. */
  static async open(
    first: SourceData,
    path: string,
    kinds: readonly ArrivedKind[],
    scratch: string,
  ): Promise<ArrivedRows> {
    const folder = await mkdtemp(join(scratch, 'arrived-'))
    await link(path, batchIn(folder))
    const engine = await openEngine({ allowedPaths: [batchIn(folder)], threads: 1, memoryMb })
    const [file] = first.snapshot.files
    const paths = new Map([[must(file, 'a batch is a file').digest, batchIn(folder)]])
    const relation = await defineSource(engine, first, paths)
    const source = { spec: first.spec, relation, rows: rowNumbersOf(first.snapshot) }
    const open: CurrentRows[] = []
    for (const { group, kind } of kinds) open.push(await openCurrent(engine, group, source, kind))
    return new ArrivedRows(engine, folder, open)
  }

  /** The rows of the file at `path`, for each kind. One batch after the other. */
  read(path: string): Promise<readonly (readonly CurrentRow[])[]> {
    const next = this.#last.then(async () => {
      await rm(batchIn(this.#folder), { force: true })
      await link(path, batchIn(this.#folder))
      const found: CurrentRow[][] = []
      for (const kind of this.#kinds) {
        const rows: CurrentRow[] = []
        await kind.all(chunk => void rows.push(...chunk))
        found.push(rows)
      }
      return found
    })
    this.#last = next.catch(() => undefined)
    return next
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last
    await this.#engine[Symbol.asyncDispose]()
    await rm(this.#folder, { recursive: true, force: true })
  }
}

function batchIn(folder: string): string {
  return join(folder, 'batch.parquet')
}
