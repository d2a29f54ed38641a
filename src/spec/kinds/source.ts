import { z } from 'zod'
import { column, name, sql } from '../words.ts'

/** Where raw data comes from: Parquet or CSV, one file, several, or a folder. */
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
    format: z.enum(['parquet', 'csv']).optional().describe('Default: by the ending of the file.'),
    eventTime: sql
      .optional()
      .describe('When the row happened: a timestamp, a date or an expression.'),
    columns: z
      .record(column, z.string().min(1))
      .optional()
      .describe('Columns that must be there, with their DuckDB types.'),
    owner: z.string().min(1).max(200).optional(),
    description: z.string().max(1_000).optional(),
  })
  .refine(s => (s.npm === undefined) !== (s.files === undefined), {
    error: 'a source has exactly one of npm and files',
  })
