import { MusterError } from '../base/errors.ts'

/*
 * Why a PostgreSQL of someone's own does not let us in, in words that lead to the cure. An address
 * holds a password: nothing of it is shown but host, port, database and user.
 */

const unset = 'unset DATABASE_URL to use the embedded one'

/** Throws E_USAGE unless the text is the address of a PostgreSQL. */
export function checkDatabaseUrl(url: string): void {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]
  if (/^postgres(ql)?$/.test(scheme ?? '') && URL.canParse(url)) return
  const what = scheme && !/^postgres(ql)?$/.test(scheme) ? `begins with ${scheme}://` : 'is no URL'
  throw new MusterError('E_USAGE', `DATABASE_URL ${what}, not the address of a PostgreSQL`, {
    field: 'DATABASE_URL',
    hint: `write it as postgresql://user:password@host:5432/database, or ${unset}`,
  })
}

interface Place {
  readonly at: string
  readonly database: string
  readonly user: string
}

function placeOf(url: string): Place {
  const { hostname, port, pathname, username, searchParams } = new URL(url)
  const host = hostname || searchParams.get('host') || 'localhost'
  const user = plain(username) || searchParams.get('user') || 'the user of this process'
  return {
    at: `${host}:${port || searchParams.get('port') || '5432'}`,
    database: plain(pathname.slice(1)) || user,
    user,
  }
}

function plain(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** What a connection, or the first statement on it, was refused for. */
export function databaseRefusal(url: string, cause: unknown): MusterError {
  const { at, database, user } = placeOf(url)
  const { code = '', message } = cause as { code?: string; message: string }
  const [why, cure] = reasonOf(code, { at, database, user }, message)
  return new MusterError('E_DATABASE', `the database ${database} at ${at}: ${why}`, {
    field: 'DATABASE_URL',
    hint: `${cure}, or ${unset}`,
    cause,
  })
}

function reasonOf(
  code: string,
  { at, database, user }: Place,
  message: string,
): readonly [string, string] {
  switch (code) {
    case 'ECONNREFUSED':
      return ['nothing listens there', 'start it']
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return ['no such host is known', 'correct DATABASE_URL']
    case 'ENOENT':
      return ['there is no such socket', 'start it']
    case '3D000':
      return ['there is no such database', `make it (createdb ${database})`]
    case '28P01':
      return [`the password of ${user} is not right`, 'correct DATABASE_URL']
    case '28000':
      return [`${user} is not let in`, 'correct DATABASE_URL, or its pg_hba.conf']
    case '42501':
      return [`${user} may not make tables`, `grant ${user} all on the database and its schema`]
    case '53300':
      return ['it has no connection left', 'end others, or raise max_connections']
    case '57P03':
      return ['it is starting or ending', 'try again in a moment']
    default:
      return [message || `${at} does not answer`, 'start it, correct DATABASE_URL']
  }
}
