import { expect, test } from 'vitest'
import type { Digest } from '../base/digest.ts'
import { nextVersion, type PublishedText } from './next-version.ts'
import { readFleet } from './read-fleet.ts'

const fleet = `apiVersion: muster/v1
fleet: shops
defaults: { owner: me, riskClass: low }
---
kind: Source
name: sales
files: sales.csv
eventTime: day
---
kind: FeatureGroup
name: recent
source: sales
windows: [{ by: [shop], of: units, stats: [mean], over: [7d] }]
---
# What is known in the morning.
kind: FeatureView
name: day
version: 1 # never edited
rows: sales
features:
  weekday: { sql: isodow(day) } # Monday is 1

  recent.*: {}
---
kind: Blueprint
name: units
purpose: Units
key: [shop]
view: day@1
label: units
pipeline: ridge@1
spans: { train: 2001-01, judge: 2001-02 }
`
const files = (text: string) => [{ path: 'muster.yaml', text }]

function publishedAs(text: string, newestVersion = 1): PublishedText {
  const digest = readFleet(files(text)).spec?.views.get('day@1')?.digest as Digest
  return { id: 'day@1', digest, newestVersion, declaration: files(text) }
}

function next(text: string, move = false, published = publishedAs(fleet)) {
  const { files: changed, ...rest } = nextVersion(files(text), published, move)
  const [file] = changed
  const { spec, problems } = readFleet(changed)
  expect(problems).toEqual([])
  return { ...rest, text: file!.text, views: [...spec!.views.keys()] }
}

const edited = fleet.replace('isodow(day) }', 'isodow(day) - 1 }').replace('Monday is 1', 'or 0')

test('the edited one is the next version, below the published one as it was written', () => {
  const { text, views, kept, readers, id } = next(edited)
  expect([id, kept, views]).toEqual(['day@2', true, ['day@1', 'day@2']])
  expect(readers.map(({ name, at }) => `${name} ${at.line}`)).toEqual(['units 29'])
  const documents = text.split('---\n')
  expect(documents[3]).toBe(fleet.split('---\n')[3])
  expect(documents[4]).toBe(edited.split('---\n')[3]?.replace('version: 1', 'version: 2'))
  expect(documents[5]).toBe(fleet.split('---\n')[4])
})

test('with those who read it moved, the published one goes', () => {
  const { text, views, kept } = next(edited, true)
  expect([kept, views]).toEqual([false, ['day@2']])
  expect(text).toBe(edited.replace('version: 1', 'version: 2').replace('day@1', 'day@2'))
})

test('one that nobody reads any more goes; one that is not edited is copied', () => {
  const unread = edited.replace('view: day@1', 'view: "day@2"')
  const second = 'kind: FeatureView\nname: day\nversion: 2\nrows: sales\nfeatures: { x: {} }\n'
  const both = `${unread}---\n${second}`
  expect(next(both).views).toEqual(['day@3', 'day@2'])
  expect(next(fleet)).toMatchObject({ kept: true, views: ['day@1', 'day@2'] })
  expect(next(edited, false, publishedAs(fleet, 7)).id).toBe('day@8')
})

test('where a group is edited the published one cannot stay, unless all move', () => {
  const group = fleet.replace('of: units', 'of: ln(units)')
  expect(() => next(group)).toThrow('cannot stand beside `day@2`')
  expect(next(group, true)).toMatchObject({ kept: false, views: ['day@2'] })
})

test.each([
  ['windows line ends', (text: string) => text.replaceAll('\n', '\r\n')],
  ['a byte order mark', (text: string) => `\ufeff${text}`],
  [
    'a flow document',
    (text: string) =>
      text.replace(
        /# What is known[\s\S]*?---\n/,
        '--- # view\n{ kind: FeatureView, name: day, version: 1, rows: sales, features: { s: { sql: "\'ä\' = shop" } } }\n---\n',
      ),
  ],
])('%s are kept', (_, written) => {
  const before = written(fleet)
  const now = before.replace('isodow(day) }', 'isodow(day) - 1 }').replace("'ä'", "'äöü'")
  const { views, text } = next(now, false, publishedAs(before))
  expect(views).toEqual(['day@1', 'day@2'])
  expect(text.includes('\r\n')).toBe(!/[^\r]\n/.test(text))
})

test('what is not declared here is told', () => {
  expect(() => nextVersion(files(fleet), { ...publishedAs(fleet), id: 'night@1' }, false)).toThrow(
    'the folder declares no view `night@1`',
  )
})
