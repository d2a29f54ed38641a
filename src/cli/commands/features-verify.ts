import { countOf, formatCount } from '../../base/format.ts'
import type { FeatureCheckRow } from '../../contract/index.ts'
import type { Act, Call } from '../command.ts'
import { connect } from '../connect.ts'
import { exitCodes } from '../exit-codes.ts'
import { readLimit } from '../numbers.ts'
import type { Column } from '../table.ts'
import { printable } from '../text.ts'

const columns: readonly Column[] = [
  { head: 'feature', elastic: true, atLeast: 20 },
  { head: 'compared', align: 'right' },
  { head: 'equal', align: 'right' },
  { head: 'different', align: 'right' },
  { head: 'only online', align: 'right' },
  { head: 'only offline', align: 'right' },
  { head: 'most apart', align: 'right' },
  { head: 'first', elastic: true, atLeast: 34 },
]

export const act: Act = async call => {
  const { screen, args } = call
  const sample = readLimit(call.text('sample'), '--sample')
  const { check, features } = await connect(call).verifyFeatures({
    ...(args.length > 0 && { groups: [...args] }),
    ...(sample !== undefined && { sample }),
  })
  const odd = features.filter(feature => feature.equal < feature.compared).length
  const code = odd > 0 ? exitCodes.failed : exitCodes.done
  if (screen.json) {
    for (const feature of features) screen.object(feature)
    return code
  }
  show(call, features)
  const found = odd === 0 ? 'online and offline are equal' : `${odd} differ`
  screen.say(`${check}: ${countOf(features.length, 'feature')}, ${found}.`)
  return code
}

function show({ screen }: Call, features: readonly FeatureCheckRow[]): void {
  const number = screen.width === undefined ? String : formatCount
  const rows = features.map(one => [
    `${one.group}.${one.feature}`,
    number(one.compared),
    number(one.equal),
    number(one.different),
    number(one.onlyOnline),
    number(one.onlyOffline),
    one.maxAbs === null ? '-' : one.maxAbs.toPrecision(3),
    one.example === null ? '' : printable(exampleWords(one.example)),
  ])
  screen.table(columns, rows, (line, row) => {
    const one = features[row]
    return one !== undefined && one.equal < one.compared ? screen.ink.red(line) : line
  })
}

function exampleWords({
  entity,
  online,
  offline,
}: NonNullable<FeatureCheckRow['example']>): string {
  return `${entity.join(', ')}: ${online ?? 'missing'} online, ${offline ?? 'missing'} offline`
}
