import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { systemClock } from '../src/base/clock.ts'
import { migrate, startEmbedded } from '../src/store/index.ts'

/*
 * One real server for a run of tests, started when Vitest starts and ended with it, also when
 * Vitest is killed: the server's watchdog sees to that. Each test file takes a fresh copy of a
 * migrated template database.
 */

declare module 'vitest' {
  export interface ProvidedContext {
    /** Of the server's maintenance database; a database is made for each file. */
    postgresUrl: string
  }
}

const template = 'muster_template'

/** Vitest's global set-up. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const home = await mkdtemp(join(tmpdir(), 'muster-test-'))
  await chmod(home, 0o711) // As root the server is another user, who must pass through.
  const server = await startEmbedded({
    folder: join(home, 'postgres'),
    clock: systemClock,
    // A test's data need not outlive the machine; it does outlive the process.
    settings: { fsync: 'off', full_page_writes: 'off' },
  })
  await onServer(server.url, `create database ${template}`)
  await migrate(named(server.url, template))
  project.provide('postgresUrl', server.url)
  return async () => {
    await server.close()
    await rm(home, { recursive: true, force: true })
  }
}

export interface TestDatabase {
  readonly url: string
  drop(): Promise<void>
}

let databases = 0

/** A migrated, empty database of its own. */
export async function freshDatabase(serverUrl: string): Promise<TestDatabase> {
  const name = `test_${process.pid}_${++databases}`
  await onServer(serverUrl, `create database ${name} template ${template} strategy file_copy`)
  return {
    url: named(serverUrl, name),
    drop: () => onServer(serverUrl, `drop database ${name} with (force)`),
  }
}

/** A database with nothing in it, for the tests of migrations. */
export async function emptyDatabase(serverUrl: string): Promise<TestDatabase> {
  const name = `empty_${process.pid}_${++databases}`
  await onServer(serverUrl, `create database ${name}`)
  return {
    url: named(serverUrl, name),
    drop: () => onServer(serverUrl, `drop database ${name} with (force)`),
  }
}

function named(url: string, database: string): string {
  const other = new URL(url)
  other.pathname = `/${database}`
  return other.href
}

async function onServer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
