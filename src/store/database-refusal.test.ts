import { expect, test } from 'vitest'
import { checkDatabaseUrl, databaseRefusal } from './database-refusal.ts'

test('what is not the address of a PostgreSQL is refused without showing it', () => {
  for (const url of ['foo', 'mysql://u:secret@h/d', 'postgresql://u:secret@h:no/d']) {
    const refused = () => checkDatabaseUrl(url)
    expect(refused).toThrow(/^DATABASE_URL (?!.*secret).*not the address of a PostgreSQL$/)
  }
  checkDatabaseUrl('postgres://u@h/d')
  checkDatabaseUrl('postgresql:///d?host=/run/postgresql')
})

test('a refusal names host, port, database and why, never the password', () => {
  const told = (code: string, message = '') =>
    databaseRefusal('postgresql://ann:secret@db.example:6000/fleet', { code, message }).message
  expect(
    ['ECONNREFUSED', '3D000', '28P01', '42501'].map(code => told(code)),
  ).toMatchInlineSnapshot(`
    [
      "the database fleet at db.example:6000: nothing listens there",
      "the database fleet at db.example:6000: there is no such database",
      "the database fleet at db.example:6000: the password of ann is not right",
      "the database fleet at db.example:6000: ann may not make tables",
    ]
  `)
  expect(told('XX000', 'out of luck')).toBe('the database fleet at db.example:6000: out of luck')
})
