import { constants } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { SpecFile } from './fleet-spec.ts'
import type { Complaint, SpecProblem } from './problem.ts'
import {
  countDocuments,
  fileBytesMax,
  lfsPointer,
  nothingDeclared,
  plainText,
  tooLarge,
} from './text.ts'

/**
 * Files of one fleet. A fleet of 10,000 model families has fewer; more means that the folder is not
 * a fleet's but, say, a home directory.
 */
const filesMax = 10_000

/**
 * Reads the declarations below `folder`: `*.yaml` and `*.yml`, in order of their paths. Folders
 * named `node_modules` or with a leading dot are passed over, and linked folders are not entered. A
 * file that cannot be declarations (a link, too large, not UTF-8, an LFS pointer, empty) is a
 * problem, the others are read.
 */
export async function readSpecFiles(
  folder: string,
): Promise<{ files: SpecFile[]; problems: SpecProblem[] }> {
  const files: SpecFile[] = []
  const problems: SpecProblem[] = []
  const add = (file: string, complaint: Complaint) =>
    problems.push({ file, line: 1, column: 1, length: 1, ...complaint })
  const paths = await pathsBelow(folder, add)
  for (const path of paths.slice(0, filesMax)) {
    const read = await readOne(join(folder, path))
    if (typeof read === 'string') files.push({ path, text: read })
    else add(path, read)
  }
  if (paths.length > filesMax) {
    add(paths[filesMax] ?? folder, {
      code: 'E_SPEC_SIZE',
      message: `the folder holds ${paths.length.toLocaleString('en-GB')} YAML files`,
      cure: `a fleet has at most ${filesMax.toLocaleString('en-GB')}: name its own folder`,
    })
  } else if (paths.length === 0 && problems.length === 0) {
    add(folder, {
      code: 'E_SPEC_EMPTY',
      message: 'the folder holds no *.yaml file',
      cure: 'name the folder of a fleet, or begin one: muster init',
    })
  }
  return { files, problems }
}

/**
 * Paths of YAML files relative to `folder`, with `/`, sorted. Links among them are complained of.
 */
async function pathsBelow(
  folder: string,
  add: (file: string, complaint: Complaint) => void,
): Promise<readonly string[]> {
  const found: string[] = []
  const open = ['']
  for (let at = open.pop(); at !== undefined && found.length <= filesMax; at = open.pop()) {
    const entries = await readdir(join(folder, at), { withFileTypes: true }).catch(() => undefined)
    if (!entries) {
      add(at === '' ? folder : at, {
        code: 'E_SPEC_FILE_TYPE',
        message: 'the folder cannot be read',
        cure: 'name a folder that exists and that you may read',
      })
      continue
    }
    for (const entry of entries) {
      const path = at === '' ? entry.name : `${at}/${entry.name}`
      if (entry.isDirectory()) {
        if (entry.name !== 'node_modules' && !entry.name.startsWith('.')) open.push(path)
      } else if (!/\.ya?ml$/i.test(entry.name) || entry.name.startsWith('.')) continue
      else if (entry.isFile()) found.push(path)
      else add(path, notPlain(entry.isSymbolicLink()))
    }
  }
  return found.sort()
}

/**
 * The text, or what is wrong. No link is followed, also when it replaces the file in this very
 * moment.
 */
async function readOne(path: string): Promise<string | Complaint> {
  let handle: Awaited<ReturnType<typeof open>>
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ELOOP' ? notPlain(true) : unreadable
  }
  try {
    const facts = await handle.stat()
    if (!facts.isFile()) return notPlain(false)
    if (facts.size > fileBytesMax) return tooLarge(facts.size)
    return decode(await handle.readFile())
  } catch {
    return unreadable
  } finally {
    await handle.close()
  }
}

function decode(bytes: Uint8Array): string | Complaint {
  const [first, second] = bytes
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    return encoding('the file is UTF-16')
  }
  let text: string
  try {
    text = plainText(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch {
    return encoding('the file is not UTF-8')
  }
  if (text.startsWith('version https://git-lfs.github.com/spec/')) return lfsPointer
  // Zero bytes: UTF-16 without a mark, or no text at all. Other oddities get their place later.
  if (text.includes('\0')) return encoding('the file is not text')
  return countDocuments(text) === 0 ? nothingDeclared : text
}

function encoding(message: string): Complaint {
  return { code: 'E_SPEC_ENCODING', message, cure: 'save it as UTF-8' }
}

function notPlain(link: boolean): Complaint {
  return {
    code: 'E_SPEC_FILE_TYPE',
    message: link ? 'the file is a symbolic link' : 'it is not a plain file',
    cure: 'put the declarations themselves here: links are not followed',
  }
}

const unreadable: Complaint = {
  code: 'E_SPEC_FILE_TYPE',
  message: 'the file cannot be read',
  cure: 'let yourself read it, or move it away',
}
