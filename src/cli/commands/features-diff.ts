import { MusterError } from '../../base/errors.ts'
import { countOf } from '../../base/format.ts'
import type { ControlClient, ViewDiff } from '../../contract/index.ts'
import { meaningOfView, readFleet, viewDifferences } from '../../spec/index.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { readFleetFolder, showProblems } from '../fleet-folder.ts'
import { displayWidth, pad, printable } from '../text.ts'
import { waiting } from '../waiting.ts'

export const act: Act = async call => {
  const [from = '', to = ''] = call.args
  const client = connect(call)
  const isView = /^[^./]+@\d+$/.test(to)
  const diff = isView
    ? await ofVersions(call, client, from, to)
    : await againstFolder(call, client, from, to)
  if (!diff) return exitCodes.refused
  if (call.screen.json) call.screen.object(diff)
  else for (const line of diffLines(diff)) call.screen.data(line)
  return exitCodes.done
}

/** A version that the fleet does not have yet may be the draft that is declared here. */
async function ofVersions(
  call: Call,
  client: ControlClient,
  from: string,
  to: string,
): Promise<ViewDiff | undefined> {
  try {
    return await waiting(call, 'the two versions', client.viewDiff(from, to))
  } catch (error) {
    if (!(error instanceof MusterError) || error.code !== 'E_NOT_FOUND') throw error
    const { read } = await readFleetFolder(call, '.')
    if (!read?.spec.views.has(to)) throw error
    return againstFolder(call, client, from, '.', to)
  }
}

/** The published one against what the folder has: of its own version, or else of the newest. */
async function againstFolder(
  call: Call,
  client: ControlClient,
  id: string,
  path: string,
  draft = id,
): Promise<ViewDiff | undefined> {
  const { read, problems, files } = await readFleetFolder(call, path)
  if (!read) {
    showProblems(call, problems, files)
    return undefined
  }
  const { declaration } = await waiting(call, 'the published view', client.publishedView(id))
  const then = readFleet(declaration, { dataRoots: 'accepted' }).spec
  const published = then?.views.get(id)
  const [name] = id.split('@')
  const versions = [...read.spec.views.values()].filter(view => view.name === name)
  const now = read.spec.views.get(draft) ?? versions.sort((a, b) => b.version - a.version)[0]
  if (!then || !published || !now) {
    throw new MusterError('E_NOT_FOUND', `${path} declares no version of \`${name}\``, {
      hint: 'name the folder of the fleet that declares it',
    })
  }
  const differences = viewDifferences(
    meaningOfView(published, then),
    meaningOfView(now, read.spec),
  ).map(({ at: _, before, now, ...rest }) => ({
    ...rest,
    before: before ?? null,
    now: now ?? null,
  }))
  return { from: id, to: `${now.id} in ${now.place.file}`, differences }
}

/** A line a difference: what has become of what; below it what it was. */
export function diffLines({ from, to, differences }: ViewDiff): string[] {
  const head = `${printable(from)} -> ${printable(to)}`
  if (differences.length === 0) return [`${head}: no difference`]
  const nameOf = (d: ViewDiff['differences'][number]): string =>
    printable(d.of === 'feature' || d.of === 'label' ? `${d.of} ${d.name}` : d.name)
  const width = Math.max(...differences.map(d => displayWidth(nameOf(d))))
  const lines = differences.flatMap(difference => {
    const { change, before, now } = difference
    const start = `  ${pad(change, 7)}  ${pad(nameOf(difference), width)}  `
    const was = `${' '.repeat(start.length - 5)}was  ${printable(before ?? '')}`
    if (change === 'removed') return [`${start}${printable(before ?? '')}`]
    return [`${start}${printable(now ?? '')}`, ...(change === 'changed' ? [was] : [])]
  })
  return [`${head}: ${countOf(differences.length, 'difference')}`, '', ...lines]
}
