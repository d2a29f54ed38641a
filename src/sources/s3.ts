import { createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { MusterError } from '../base/errors.ts'
import { DataFault } from '../engine/index.ts'
import type { Blobs } from '../fleet/index.ts'
import type { DeclaredAt, SourceSpec } from '../spec/index.ts'
import { type Connections, type S3Connection, variableOf } from './connections.ts'
import { connectionAt, connectionOf, locationAt, sourceFault } from './declared-at.ts'
import { formatOf, matches } from './locate.ts'
import { type StoredFile, storeCopy } from './stored-files.ts'

/*
 * Files in a bucket. An object is whole or not there, so what was listed is asked for by its ETag
 * and copied; the copy is what is read.
 */

/** Keys that are looked through for one pattern, and objects that one source has. */
const keysMax = 100_000
const objectsMax = 10_000
const connectMs = 5_000
/** Without a byte. */
const silenceMs = 30_000

/** An open client of a bucket. */
export function openBucket(connection: S3Connection, attempts = 3): S3Client {
  const { endpoint, region, credentials } = connection
  return new S3Client({
    endpoint,
    region,
    ...(credentials ? { credentials } : {}),
    // Stores beside AWS seldom have a host for each bucket.
    forcePathStyle: true,
    maxAttempts: attempts,
    requestHandler: { connectionTimeout: connectMs, requestTimeout: silenceMs },
    // Newer checksums are not spoken by all stores; the digest of the copy is ours anyway.
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
}

/** Throws a DataFault: E_SOURCE, and what `storeCopy` throws. */
export async function storeObjects(
  source: SourceSpec,
  connections: Connections,
  blobs: Blobs,
): Promise<readonly StoredFile[]> {
  const { connection: name, files } = s3Of(source)
  const connection = connectionOf(source, connections, 's3')
  const client = openBucket(connection)
  try {
    const objects = await listObjects(client, connection, source, files)
    const stored: StoredFile[] = []
    for (const object of objects) {
      const { key, etag, sizeBytes, modifiedMs } = object
      const seenAs = [connection.endpoint, connection.bucket, key, etag, sizeBytes, modifiedMs]
      const file = { path: key, format: object.format, sizeBytes }
      stored.push(
        await storeCopy(file, seenAs.join('|'), blobs, path =>
          download(client, connection, object, path),
        ),
      )
    }
    return stored
  } catch (error) {
    if (error instanceof MusterError) throw error
    throw storeFault(error, connectionAt(source), name)
  } finally {
    client.destroy()
  }
}

function s3Of({ location, name }: SourceSpec) {
  if ('s3' in location) return location.s3
  throw new Error(`the source ${name} is in no bucket`)
}

interface ListedObject {
  readonly key: string
  readonly etag: string
  readonly sizeBytes: number
  readonly modifiedMs: number
  readonly format: 'parquet' | 'csv'
}

/** In order of key. `*` stands for any part of one name between two /. */
async function listObjects(
  client: S3Client,
  { bucket }: S3Connection,
  source: SourceSpec,
  patterns: readonly string[],
): Promise<readonly ListedObject[]> {
  const found = new Map<string, ListedObject>()
  for (const [index, pattern] of patterns.entries()) {
    const at = locationAt(source, index)
    const parts = pattern.split('/').map(part => part.split('*'))
    let looked = 0
    let matched = 0
    const Prefix = pattern.split('*')[0]!
    for (let token: string | undefined, more = true; more; more = token !== undefined) {
      const page = await client.send(
        new ListObjectsV2Command({ Bucket: bucket, Prefix, ContinuationToken: token }),
      )
      token = page.NextContinuationToken
      for (const { Key: key, ETag: etag, Size, LastModified } of page.Contents ?? []) {
        if (++looked > keysMax) {
          const detail = `more than ${keysMax} keys begin with \`${Prefix}\``
          throw sourceFault(at, detail, 'put more of the path before the first *')
        }
        if (key === undefined || !matchesKey(key, parts)) continue
        matched++
        const format = formatOf(key, source)
        if (format === undefined) {
          const detail = `\`${key}\` is neither .parquet nor .csv`
          throw sourceFault(at, detail, 'say format: parquet or csv')
        }
        const modifiedMs = LastModified?.getTime() ?? 0
        found.set(key, { key, etag: etag ?? '', sizeBytes: Size ?? 0, modifiedMs, format })
      }
    }
    if (matched === 0) throw sourceFault(at, `there is no \`${pattern}\` in the bucket`, keysHint)
    if (found.size > objectsMax) {
      throw sourceFault(at, `more than ${objectsMax} objects match`, 'write fewer, larger files')
    }
  }
  return [...found.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
}

const keysHint = 'check the key: no / at its start, and * stands for a part of one name only'

function matchesKey(key: string, parts: readonly (readonly string[])[]): boolean {
  const names = key.split('/')
  const matchesPart = (name: string, [whole, ...more]: readonly string[]) =>
    more.length === 0 ? name === whole : matches(name, [whole!, ...more])
  return names.length === parts.length && names.every((name, at) => matchesPart(name, parts[at]!))
}

async function download(
  client: S3Client,
  { bucket }: S3Connection,
  { key, etag, sizeBytes }: ListedObject,
  path: string,
): Promise<void> {
  const changed = new MusterError('E_SOURCE', `\`${key}\` changed while it was read`, {
    field: key,
    hint: 'try again',
  })
  const command = new GetObjectCommand({ Bucket: bucket, Key: key, IfMatch: etag || undefined })
  const { Body } = await client.send(command).catch(error => {
    const status = (error as { $metadata?: Answered }).$metadata?.httpStatusCode
    throw status === 412 || status === 404 ? changed : error
  })
  await pipeline(Body as Readable, createWriteStream(path))
  if ((await stat(path)).size !== sizeBytes) throw changed
}

interface Answered {
  readonly httpStatusCode?: number
}

/** What a person is told of a failing store: its own name for it, and no address. */
export function bucketReason(error: unknown): string {
  const { name, code } = error as { name?: string; code?: string }
  switch (name) {
    case 'NoSuchBucket':
      return 'it has no such bucket'
    case 'AccessDenied':
    case 'Forbidden':
      return 'it does not let these credentials read'
    case 'InvalidAccessKeyId':
    case 'SignatureDoesNotMatch':
    case 'CredentialsProviderError':
      return `it refuses the credentials (${name})`
    default: {
      const { httpStatusCode: status } = (error as { $metadata?: Answered }).$metadata ?? {}
      if (status === 401 || status === 403) return `it refuses the credentials (${status})`
      const words = [code, name].find(word => /^[A-Za-z][A-Za-z0-9_]{2,40}$/.test(word ?? ''))
      return words === undefined ? 'it does not answer' : `it does not answer (${words})`
    }
  }
}

function storeFault(error: unknown, at: DeclaredAt, connection: string): DataFault {
  const detail = `the connection \`${connection}\`: ${bucketReason(error)}`
  // Without its cause: what the SDK throws holds the request, with the address and the key id.
  return new DataFault(at, 'E_SOURCE', detail, {
    hint: `see that the store is up, and that ${variableOf(connection)} is right`,
  })
}
