import { mkdir, stat, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { MusterError } from '../../base/errors.ts'
import { bytesWords } from '../../base/format.ts'
import type { Act } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { salesCsv, starterYaml } from '../starter-fleet.ts'

export const act: Act = async call => {
  const { screen, terminal } = call
  const given = call.args[0]
  const folder = resolve(terminal.cwd, given ?? '.')
  const fleet = fleetName(basename(folder))
  const files = [
    { name: 'muster.yaml', text: starterYaml(fleet) },
    { name: 'sales.csv', text: salesCsv() },
  ]
  await makeFolder(folder, given ?? '.')
  for (const { name } of files) {
    if (await stat(join(folder, name)).catch(() => undefined)) {
      throw new MusterError('E_USAGE', `${given ? `${given}/` : ''}${name} exists already`, {
        hint: 'name a new folder: muster init my-fleet. Nothing was written.',
      })
    }
  }
  for (const { name, text } of files) await writeFile(join(folder, name), text, { flag: 'wx' })
  if (screen.json) {
    screen.object({ fleet, folder: given ?? '.', files: files.map(file => file.name) })
    return exitCodes.done
  }
  for (const { name, text } of files) {
    screen.say(`wrote ${given ? `${given}/` : ''}${name} (${bytesWords(Buffer.byteLength(text))})`)
  }
  const word = given !== undefined && /^[\w./-]+$/.test(given) ? given : `'${given}'`
  const enter = given === undefined ? '' : `cd ${word} && `
  screen.say('A fleet of 40 models: 1 root, 3 products, 36 shops of a product.')
  screen.say(`Next: ${enter}muster up`)
  screen.say(`Then, in another terminal: ${enter}muster plan`)
  return exitCodes.done
}

/** The folder's name as the name of a fleet, where it can be one. */
function fleetName(folder: string): string {
  const name = folder
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63)
    .replace(/-+$/, '')
  return name || 'my-fleet'
}

async function makeFolder(folder: string, given: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined)
  if (found && !found.isDirectory()) {
    throw new MusterError('E_USAGE', `${given} is a file, not a folder`, {
      hint: 'name a new folder: muster init my-fleet',
    })
  }
  await mkdir(folder, { recursive: true })
}
