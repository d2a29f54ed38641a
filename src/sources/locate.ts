import { readdir, realpath, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MusterError } from '../base/errors.ts'
import type { DeclaredAt, SourceSpec } from '../spec/index.ts'
import type { Connections } from './connections.ts'
import { locationAt, sourceFault } from './declared-at.ts'

/** A data file that a source names. */
export interface LocatedFile {
  /** For people: relative to the fleet, or package/path, or as the declaration spells it. */
  readonly path: string
  /** The file itself, free of symbolic links. */
  readonly real: string
  readonly format: 'parquet' | 'csv'
}

export interface Places {
  readonly fleetFolder: string
  /** Folders outside the fleet that absolute paths may point into. */
  readonly dataRoots?: readonly string[]
  /** What sources name that are neither files nor packages. */
  readonly connections: Connections
}

/**
 * The files of a source in order of path. Throws E_SOURCE: none, one that is not there, one that
 * leaves the folder it is in by `..` or by a symbolic link, or one whose format nobody says.
 */
export async function locateFiles(source: SourceSpec, at: Places): Promise<readonly LocatedFile[]> {
  const { location } = source
  const found =
    'npm' in location
      ? [await inPackage(location.npm, at.fleetFolder, source)]
      : 'files' in location
        ? await inFolders(location.files, at, source)
        : []
  const files = new Map<string, LocatedFile>()
  for (const { path, real } of found) {
    const format = formatOf(path, source)
    if (format === undefined) {
      throw sourceFault(
        locationAt(source),
        `\`${path}\` is neither .parquet nor .csv`,
        'say format: parquet or csv',
      )
    }
    files.set(path, { path, real, format })
  }
  if (files.size === 0)
    throw sourceFault(locationAt(source), 'no file matches', 'check the path and its endings')
  return [...files.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

export function formatOf(path: string, source: SourceSpec): 'parquet' | 'csv' | undefined {
  if (source.format !== 'by-ending') return source.format
  if (/\.(?:parquet|pq)$/i.test(path)) return 'parquet'
  return /\.csv$/i.test(path) ? 'csv' : undefined
}

interface Found {
  readonly path: string
  readonly real: string
}

/**
 * Looks in the node_modules of the fleet's folder and of the folders above it, then in those of
 * Muster.
 */
async function inPackage(
  location: string,
  fleetFolder: string,
  source: SourceSpec,
): Promise<Found> {
  const at = locationAt(source)
  const parts = location.split('/')
  if (parts.some(part => part === '..' || part === '.' || part === '')) {
    throw sourceFault(at, `\`${location}\` is not a path inside a package`, 'leave out . and ..')
  }
  const packageName = parts.slice(0, location.startsWith('@') ? 2 : 1).join('/')
  const starts = [fleetFolder, dirname(fileURLToPath(import.meta.url))]
  for (const start of starts) {
    for (let folder = start; ; folder = dirname(folder)) {
      const home = await realOrNothing(join(folder, 'node_modules', packageName))
      const real = home && (await realOrNothing(join(folder, 'node_modules', location)))
      if (home && real) {
        if (!isInside(home, real)) break
        return { path: location, real }
      }
      if (dirname(folder) === folder) break
    }
  }
  throw sourceFault(
    at,
    `there is no \`${location}\` in node_modules`,
    `install the package: npm install ${packageName}`,
  )
}

async function inFolders(
  patterns: readonly string[],
  at: Places,
  source: SourceSpec,
): Promise<readonly Found[]> {
  const fleet = await realRoots([at.fleetFolder])
  const outside = await realRoots(at.dataRoots ?? [])
  const found: Found[] = []
  for (const [index, pattern] of patterns.entries()) {
    const declared = locationAt(source, index)
    if (pattern.split(/[/\\]/).includes('..') || pattern.includes('\0')) {
      throw sourceFault(declared, `\`${pattern}\` leaves the folder of the fleet`, 'leave out ..')
    }
    const start = isAbsolute(pattern) ? sep : at.fleetFolder
    const segments = pattern.split('/').filter(part => part !== '' && part !== '.')
    const paths = await expand(start, segments)
    if (paths.length === 0) {
      throw sourceFault(declared, `there is no \`${pattern}\``, 'check the path and its endings')
    }
    for (const path of paths) {
      const allowed = isAbsolute(pattern) ? outside : fleet
      const shown = isAbsolute(pattern) ? path : relative(at.fleetFolder, path).replaceAll(sep, '/')
      found.push(...(await filesAt(path, shown || '.', { allowed, source, declared })))
    }
  }
  return found
}

/** Roots as they really are; one that does not exist holds nothing. */
async function realRoots(roots: readonly string[]): Promise<readonly string[]> {
  const real: string[] = []
  for (const root of roots) real.push(...([await realOrNothing(root)].filter(Boolean) as string[]))
  return real
}

/**
 * The file, or the files of the folder that have a data format. A file outside `allowed` is
 * refused.
 */
async function filesAt(
  path: string,
  shown: string,
  about: {
    readonly allowed: readonly string[]
    readonly source: SourceSpec
    readonly declared: DeclaredAt
  },
): Promise<readonly Found[]> {
  const real = await realpath(path)
  if (!about.allowed.some(root => isInside(root, real))) {
    const hint =
      'put the file into the folder of the fleet, or start Muster with MUSTER_DATA_ROOTS=/its/folder'
    throw sourceFault(about.declared, `\`${shown}\` lies outside the folder of the fleet`, hint)
  }
  const facts = await stat(real)
  if (facts.isFile()) return [{ path: shown, real }]
  if (!facts.isDirectory()) {
    throw sourceFault(about.declared, `\`${shown}\` is not a file`, 'name a file')
  }
  const found: Found[] = []
  for (const entry of (await readdir(real)).sort()) {
    if (entry.startsWith('.')) continue
    const below = `${shown}/${entry}`
    const isFolder = (await stat(join(real, entry)).catch(() => undefined))?.isDirectory() ?? false
    if (isFolder || formatOf(entry, about.source) !== undefined) {
      found.push(...(await filesAt(join(real, entry), below, about)))
    }
  }
  return found
}

/** Paths that exist; `*` stands for any part of one name. */
async function expand(start: string, segments: readonly string[]): Promise<readonly string[]> {
  let paths = [start]
  for (const segment of segments) {
    const next: string[] = []
    for (const path of paths) {
      if (!segment.includes('*')) {
        if (await realOrNothing(join(path, segment))) next.push(join(path, segment))
        continue
      }
      const parts = segment.split('*')
      for (const entry of await entriesOf(path)) {
        if (!entry.startsWith('.') && matches(entry, parts)) next.push(join(path, entry))
      }
    }
    paths = next
  }
  return paths
}

/** What a folder holds; nothing when it is none. One that may not be read is told, not left out. */
async function entriesOf(path: string): Promise<readonly string[]> {
  try {
    return (await readdir(path)).sort()
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return []
    throw new MusterError('E_SOURCE', 'a folder of the source may not be read', {
      hint: 'let the user that Muster runs as read it',
      cause: error,
    })
  }
}

/**
 * Whether `name` is `parts` in this order with anything between them. Linear, unlike a regular
 * expression.
 */
export function matches(name: string, parts: readonly string[]): boolean {
  const first = parts[0] ?? ''
  const last = parts.at(-1) ?? ''
  if (!name.startsWith(first) || name.length < first.length + last.length) return false
  let from = first.length
  const end = name.length - last.length
  for (const part of parts.slice(1, -1)) {
    const where = name.indexOf(part, from)
    if (where < 0 || where + part.length > end) return false
    from = where + part.length
  }
  return from <= end && name.endsWith(last)
}

function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep)
}

async function realOrNothing(path: string): Promise<string | undefined> {
  return realpath(path).catch(() => undefined)
}
