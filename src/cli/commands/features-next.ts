import { rename, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { isDigest } from '../../base/digest.ts'
import { MusterError } from '../../base/errors.ts'
import { countOf } from '../../base/format.ts'
import { type NextVersion, nextVersion } from '../../spec/index.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { readFleetFolder, showProblems } from '../fleet-folder.ts'
import { printable } from '../text.ts'
import { waiting } from '../waiting.ts'

export const act: Act = async call => {
  const { screen } = call
  const [id = '', given] = call.args
  const { read, problems, files, path } = await readFleetFolder(call, given)
  if (!read) {
    showProblems(call, problems, files)
    return exitCodes.refused
  }
  const published = await waiting(call, 'the published view', connect(call).publishedView(id))
  const { digest } = published
  if (!isDigest(digest)) throw new MusterError('E_DIGEST', 'the server gave no digest')
  const move = call.flag('move')
  const next = nextVersion(files, { ...published, digest }, move)
  const dryRun = call.flag('dryRun')
  if (!dryRun) {
    for (const file of next.files) await replaceFile(resolve(path, file.path), file.text)
  }
  if (screen.json) screen.object({ ...next, written: !dryRun })
  else show(call, id, next)
  return exitCodes.done
}

/** The old text or the new, whole, also when the machine stops meanwhile. */
async function replaceFile(path: string, text: string): Promise<void> {
  const beside = `${path}.muster-next`
  await writeFile(beside, text, { flush: true })
  await rename(beside, path)
}

function show(call: Call, id: string, next: NextVersion): void {
  const { screen } = call
  const move = call.flag('move')
  for (const { file, line, removed, added } of next.edits) {
    screen.data(`${printable(file)}:${line}`)
    for (const text of removed) screen.data(`  - ${printable(text.trimEnd())}`.trimEnd())
    for (const text of added) screen.data(`  + ${printable(text.trimEnd())}`.trimEnd())
  }
  screen.say(
    next.kept
      ? `${next.id} stands below ${id}, which is as it was published.`
      : `${next.id} stands in the place of ${id}.`,
  )
  const readers = next.readers.map(r => `${r.name} (${r.at.file}:${r.at.line})`).join(', ')
  if (readers !== '') {
    const blueprints = countOf(next.readers.length, 'blueprint')
    screen.say(
      move
        ? `${blueprints} moved to ${next.id}: ${readers}`
        : `${blueprints} on ${id}; to move them write view: ${next.id} in ${readers}`,
    )
  }
  screen.say(call.flag('dryRun') ? 'Nothing was written.' : 'Next: muster plan')
}
