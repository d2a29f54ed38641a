import { z } from 'zod'
import { column, connection, name, sql } from '../words.ts'
import { expectation } from './expectation.ts'

const postgres = z
  .strictObject({
    connection,
    table: z
      .string()
      .regex(/^[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*)?$/, {
        error: 'a table is a name, or schema.name; for any other, write a query',
      })
      .optional()
      .describe('A table or view: readings, public.readings.'),
    query: sql.optional().describe('A SELECT of PostgreSQL.'),
    cursor: column
      .optional()
      .describe(
        'A column that only grows: rows beyond its largest value seen are read, no others.',
      ),
  })
  .refine(p => (p.table === undefined) !== (p.query === undefined), {
    error: 'a PostgreSQL source has exactly one of table and query',
  })

const s3 = z.strictObject({
  connection,
  files: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1).max(10_000)])
    .describe('Keys or * patterns in the bucket of the connection: readings/*.parquet.'),
})

const push = z.strictObject({
  partition: z
    .enum(['hour', 'day', 'month', 'year'])
    .default('month')
    .describe('Span of event time that one stored file holds.'),
})

const places = ['npm', 'files', 'postgres', 's3', 'push'] as const

/** Where rows come from: files, a bucket, a table left where it is, or whoever pushes them. */
export const source = z
  .strictObject({
    kind: z.literal('Source'),
    name: name.describe('Name of the source, also the name of its table in SQL.'),
    npm: z
      .string()
      .regex(/^(@[a-z0-9-]+\/)?[a-z0-9.-]+\/[A-Za-z0-9_./-]+$/)
      .refine(path => !path.split('/').includes('..'), { error: '.. is not allowed' })
      .optional()
      .describe('A data file inside an installed npm package: package/path/file.parquet.'),
    files: z
      .union([z.string().min(1), z.array(z.string().min(1)).min(1).max(10_000)])
      .optional()
      .describe('Files, folders or * patterns inside the folder of the fleet or a data root.'),
    postgres: postgres.optional().describe('A table or query, read on demand and left in place.'),
    s3: s3.optional().describe('Files in an S3-compatible store.'),
    push: push.optional().describe('Rows that are sent: POST /api/v1/sources/{name}/rows.'),
    format: z.enum(['parquet', 'csv']).optional().describe('Default: by the ending of the file.'),
    eventTime: sql
      .optional()
      .describe('When the row happened: a timestamp, a date or an expression.'),
    columns: z
      .record(column, z.string().min(1))
      .optional()
      .describe('Columns that must be there, with their DuckDB types.'),
    key: z
      .array(column)
      .min(1)
      .max(8)
      .optional()
      .describe('Entity columns. With the event time they name a row: a later one corrects it.'),
    expect: z.array(expectation).max(200).optional().describe('What must hold of the rows.'),
    owner: z.string().min(1).max(200).optional(),
    description: z.string().max(1_000).optional(),
  })
  .refine(s => places.filter(place => s[place] !== undefined).length === 1, {
    error: 'a source has exactly one of npm, files, postgres, s3 and push',
  })
