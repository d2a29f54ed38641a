import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type S3Server, startS3, whyWithoutS3 } from '../../test/s3-server.ts'
import { skipBecause } from '../../test/strict.ts'
import { aSource, writeParquet } from '../engine/small-data.fixture.ts'
import { type BlobFolder, openBlobs } from '../registry/index.ts'
import type { SourceSpec } from '../spec/index.ts'
import { readConnections, takeSnapshot } from './index.ts'

let missing: string | undefined
let server: S3Server
let client: S3Client
let folder: string
let blobs: BlobFolder
let connections: ReturnType<typeof readConnections>

beforeAll(async () => {
  missing = whyWithoutS3()
  if (missing) return
  server = await startS3()
  const credentials = { accessKeyId: 'reader', secretAccessKey: 'hunter2' }
  const endpoint = `http://${server.host}`
  client = new S3Client({ endpoint, region: 'us-east-1', credentials, forcePathStyle: true })
  await client.send(new CreateBucketCommand({ Bucket: 'lake' }))
  folder = mkdtempSync(join(tmpdir(), 'muster-s3-'))
  blobs = await openBlobs(join(folder, 'blobs'))
  connections = readConnections({
    MUSTER_CONNECTION_LAKE: `s3://reader:hunter2@${server.host}/lake?tls=false`,
    MUSTER_CONNECTION_SEA: `s3://reader:hunter2@${server.host}/sea?tls=false`,
    MUSTER_CONNECTION_AWAY: 's3://reader:hunter2@127.0.0.1:1/lake?tls=false',
    MUSTER_CONNECTION_SHOP: 'postgres://reader:hunter2@127.0.0.1:1/shop',
  })
  await putRows('readings/2024/b.parquet', 10)
  await putRows('readings/2024/a.parquet', 0)
  await putRows('readings/2025/a.parquet', 20)
  await put('readings/2024/notes.txt', 'not data')
  await put('readings/2024/deep/c.parquet', 'not one of them')
}, 180_000)

afterAll(async () => {
  if (missing) return
  client.destroy()
  await server[Symbol.asyncDispose]()
  expect(readdirSync(blobs.scratch)).toEqual([])
  rmSync(folder, { recursive: true })
})

beforeEach(context => {
  if (missing) skipBecause(context, missing)
})

async function put(Key: string, Body: string | Uint8Array): Promise<void> {
  await client.send(new PutObjectCommand({ Bucket: 'lake', Key, Body }))
}

async function putRows(key: string, from: number): Promise<void> {
  const path = join(folder, 'rows.parquet')
  await writeParquet(
    path,
    `select i as value, timestamp '2001-01-01' + to_days(i::integer) as happened
     from range(${from}, ${from + 10}) t(i)`,
  )
  await put(key, readFileSync(path))
}

function bucket(files: string | readonly string[], more: Partial<SourceSpec> = {}, name = 'lake') {
  const location = { s3: { connection: name, files: [files].flat() } }
  return aSource('', { location, ...more })
}

const take = (source: SourceSpec) =>
  takeSnapshot(source, { fleetFolder: folder, blobs, connections })

async function told(source: SourceSpec): Promise<string> {
  const error = await take(source).then(
    () => expect.unreachable('it was taken'),
    e => e,
  )
  expect(JSON.stringify([error, error.cause])).not.toMatch(/hunter2|127\.0\.0\.1/)
  return `${error.code} at ${error.at.path.join('.')}: ${error.message}; ${error.hint}`
}

test('objects are the rows of a snapshot, in order of their keys', async () => {
  const snapshot = await take(bucket('readings/*/*.parquet'))
  expect(snapshot.files.map(file => [file.path, file.rows])).toEqual([
    ['readings/2024/a.parquet', 10],
    ['readings/2024/b.parquet', 10],
    ['readings/2025/a.parquet', 10],
  ])
  expect(snapshot).toMatchObject({ rows: 30, toMs: Date.UTC(2001, 0, 30) })
  expect(await take(bucket(['readings/2024/*.parquet', 'readings/2025/a.parquet']))).toEqual(
    snapshot,
  )
})

test('what is as before is one snapshot, and what has changed another', async () => {
  await put('changing/a.csv', 'happened,value\n2001-01-01,1\n')
  const source = bucket('changing/*.csv')
  const before = await take(source)
  expect(await take(source)).toEqual(before)
  await put('changing/a.csv', 'happened,value\n2001-01-01,2\n')
  const after = await take(source)
  expect(after.id).not.toBe(before.id)
  expect(String(Buffer.from(await blobs.get(before.files[0]!.digest)))).toContain('01,1')
})

test('more keys than a page holds are all found', async () => {
  const keys = Array.from({ length: 1_005 }, (_, i) => `many/${i}.txt`)
  for (const key of keys) await put(key, 'of no matter')
  await put('many/last.csv', 'happened\n2001-01-01\n')
  expect(await take(bucket('many/*.csv'))).toMatchObject({ rows: 1 })
})

test('what cannot be read is told with its key, and with no address and no secret', async () => {
  await put('bad/half.parquet', 'PAR1 and no more')
  await put('bad/empty.csv', '')
  await put('bad/ragged.csv', 'a,b\n1,2\n1,2,3\n')
  expect([
    await told(bucket('nothing/*.csv')),
    await told(bucket(['readings/2025/a.parquet', 'gone.csv'])),
    await told(bucket('/readings/2024/*.parquet')),
    await told(bucket('readings/2024/*')),
    await told(bucket('bad/half.parquet')),
    await told(bucket('bad/empty.csv')),
    await told(bucket('bad/ragged.csv', { eventTime: undefined })),
    await told(bucket('x.csv', {}, 'sea')),
    await told(bucket('x.csv', {}, 'away')),
    await told(bucket('x.csv', {}, 'shop')),
    await told(bucket('x.csv', {}, 'nowhere')),
  ]).toMatchInlineSnapshot(`
    [
      "E_SOURCE at s3.files.0: there is no \`nothing/*.csv\` in the bucket; check the key: no / at its start, and * stands for a part of one name only",
      "E_SOURCE at s3.files.1: there is no \`gone.csv\` in the bucket; check the key: no / at its start, and * stands for a part of one name only",
      "E_SOURCE at s3.files.0: there is no \`/readings/2024/*.parquet\` in the bucket; check the key: no / at its start, and * stands for a part of one name only",
      "E_SOURCE at s3.files.0: \`readings/2024/notes.txt\` is neither .parquet nor .csv; say format: parquet or csv",
      "E_DATA_CORRUPT at s3.files: \`bad/half.parquet\` is not readable as parquet: it has no footer at its end; it was cut short or is still being written: write it again, and rename it when done",
      "E_DATA_CORRUPT at s3.files: \`bad/empty.csv\` is empty; write the file again from where it came",
      "E_DATA_CORRUPT at s3.files: line 3 of \`bad/ragged.csv\` has 3 values, and the header 2 names; write each row with all its values, and those with a comma in quotes",
      "E_SOURCE at s3.connection: the connection \`sea\`: it has no such bucket; see that the store is up, and that MUSTER_CONNECTION_SEA is right",
      "E_SOURCE at s3.connection: the connection \`away\`: it does not answer (ECONNREFUSED); see that the store is up, and that MUSTER_CONNECTION_AWAY is right",
      "E_SOURCE at s3.connection: the connection \`shop\` is postgres, not s3; name one of s3://..., or set MUSTER_CONNECTION_SHOP to that",
      "E_SOURCE at s3.connection: there is no connection \`nowhere\`; name one of \`away\`, \`lake\`, \`sea\`, \`shop\`, or start Muster with MUSTER_CONNECTION_NOWHERE",
    ]
  `)
})
