import { must } from '../base/assert.ts'
import type { Digest } from '../base/digest.ts'
import { MusterError } from '../base/errors.ts'
import type { FleetSpec, SpecFile } from './fleet-spec.ts'
import type { Locate, Located } from './locate.ts'
import { readFleet } from './read-fleet.ts'

/*
 * What was edited in a published view becomes its next version, and the published one stands again
 * above it, as it was written, for those who still read it. Texts are changed line by line, so
 * comments and layout stay; the result is read again, and nothing is given out that means anything
 * else than it should.
 */

export interface PublishedText {
  /** `name@version`. */
  readonly id: string
  readonly digest: Digest
  /** The largest version of the view that is published. */
  readonly newestVersion: number
  /** All files of the declaration that published it. */
  readonly declaration: readonly SpecFile[]
}

export interface TextEdit {
  readonly file: string
  /** Of the text before all edits. */
  readonly line: number
  readonly removed: readonly string[]
  readonly added: readonly string[]
}

export interface NextVersion {
  readonly id: string
  readonly edits: readonly TextEdit[]
  /** Files that change, whole. */
  readonly files: readonly SpecFile[]
  /** Whether the published version is declared too. */
  readonly kept: boolean
  /** Blueprints that read the published version: now the next one, if they were to move. */
  readonly readers: readonly { readonly name: string; readonly at: Located }[]
}

/** Throws E_NOT_FOUND, or E_VIEW_PUBLISHED when the published one can no longer be declared. */
export function nextVersion(
  files: readonly SpecFile[],
  published: PublishedText,
  move: boolean,
): NextVersion {
  const { spec, locate } = readAgain(files)
  const { id } = published
  const view = spec.views.get(id)
  if (!view) {
    throw new MusterError('E_NOT_FOUND', `the folder declares no view \`${id}\``, {
      hint: 'name one that it declares: muster features --kind view',
    })
  }
  const versions = [...spec.views.values()].filter(v => v.name === view.name).map(v => v.version)
  const version = Math.max(published.newestVersion, ...versions) + 1
  const next = `${view.name}@${version}`
  const readers = [...spec.blueprints.values()]
    .filter(blueprint => blueprint.view === id)
    .map(({ name }) => ({ name, at: placeOf(locate, 'Blueprint', name, 'view') }))
  const isEdited = view.digest !== published.digest
  const kept = !isEdited || (!move && readers.length > 0)
  const text = new Texts(files)
  const at = placeOf(locate, 'FeatureView', id, 'version')
  if (kept) text.insertAbove(at, isEdited ? publishedLines(published) : text.documentAt(at))
  text.replace(at, String(version))
  if (move) for (const reader of readers) text.replace(reader.at, next)
  const changed = { id: next, edits: text.edits, files: text.changed(), kept, readers }
  checkMeaning(files, changed, { view: view.digest, published, isEdited })
  return changed
}

function readAgain(files: readonly SpecFile[]): { spec: FleetSpec; locate: Locate } {
  const { spec, locate } = readFleet(files, { dataRoots: 'accepted' })
  return { spec: must(spec, 'the declaration was checked'), locate: must(locate, 'it was read') }
}

function placeOf(
  locate: Locate,
  kind: 'FeatureView' | 'Blueprint',
  name: string,
  field: string,
): Located {
  return must(locate({ kind, name, path: [field] }), `${kind} ${name} is declared`)
}

function publishedLines({ id, declaration }: PublishedText): readonly string[] {
  const at = placeOf(readAgain(declaration).locate, 'FeatureView', id, 'version')
  return new Texts(declaration).documentAt(at)
}

function checkMeaning(
  files: readonly SpecFile[],
  { id, files: changed, kept }: NextVersion,
  was: { readonly view: Digest; readonly published: PublishedText; readonly isEdited: boolean },
): void {
  const paths = new Map(changed.map(file => [file.path, file]))
  const { spec } = readFleet(
    files.map(file => paths.get(file.path) ?? file),
    { dataRoots: 'accepted' },
  )
  const { published } = was
  if (kept && spec?.views.get(published.id)?.digest !== published.digest) {
    throw new MusterError(
      'E_VIEW_PUBLISHED',
      `\`${published.id}\` cannot stand beside \`${id}\`: what it reads of groups or sources is edited`,
      {
        hint:
          `move its blueprints too: muster features next ${published.id} --move; ` +
          'or give what is edited another name',
      },
    )
  }
  const view = spec?.views.get(id)
  if (view?.digest !== was.view) {
    throw new MusterError('E_USAGE', `\`${id}\` cannot be written by itself here`, {
      hint: `copy the document of \`${published.id}\` by hand, with the next version`,
    })
  }
}

/** Files as lines, and what is to be changed in them. */
class Texts {
  readonly #lines: ReadonlyMap<string, readonly string[]>
  readonly #edits: TextEdit[] = []

  constructor(files: readonly SpecFile[]) {
    this.#lines = new Map(files.map(({ path, text }) => [path, text.split(/(?<=\n)/)]))
  }

  get edits(): readonly TextEdit[] {
    return this.#edits
  }

  #of(file: string): readonly string[] {
    return must(this.#lines.get(file), `${file} was read`)
  }

  /** First line of the document that holds a line, counted from 1; behind its `---`. */
  #startOf({ file, line }: Located): number {
    let start = line
    while (start > 1 && !isSeparator(this.#of(file)[start - 2]!)) start--
    return start
  }

  /** The lines of a document, without its `---` and without what is blank around it. */
  documentAt(at: Located): readonly string[] {
    const lines = this.#of(at.file)
    const start = this.#startOf(at)
    let end = at.line
    while (end < lines.length && !isSeparator(lines[end]!)) end++
    const text = lines
      .slice(start - 1, end)
      .join('')
      .trim()
    return text.split('\n').map(line => `${line.trimEnd()}\n`)
  }

  /** Puts a document, and the `---` behind it, above the one at a place. */
  insertAbove(at: Located, document: readonly string[]): void {
    const line = this.#startOf(at)
    const end = this.#of(at.file)[0]?.endsWith('\r\n') ? '\r\n' : '\n'
    const added = [...document, '---\n'].map(text => text.replace('\n', end))
    this.#edits.push({ file: at.file, line, removed: [], added })
  }

  /** Puts other text in the place of a value that stands on one line. */
  replace({ file, line, column, length }: Located, value: string): void {
    const was = this.#of(file)[line - 1] ?? ''
    const characters = Array.from(was)
    characters.splice(column - 1, length, value)
    this.#edits.push({ file, line, removed: [was], added: [characters.join('')] })
  }

  changed(): readonly SpecFile[] {
    const byFile = Map.groupBy(this.#edits, edit => edit.file)
    return [...byFile].map(([path, edits]) => {
      const lines = [...this.#of(path)]
      // From the last to the first, so that line numbers stay right; above a line at the end.
      for (const { line, removed, added } of edits.toReversed().sort((a, b) => b.line - a.line)) {
        lines.splice(line - 1, removed.length, ...added)
      }
      return { path, text: lines.join('') }
    })
  }
}

function isSeparator(line: string): boolean {
  return /^(?:---|\.\.\.)\s*(?:#.*)?$/.test(line.trimEnd())
}
