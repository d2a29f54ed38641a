import { defineConfig } from 'vitest/config'
import { memoryFolder } from './test/memory-folder.ts'

const temporary = memoryFolder()
if (temporary !== undefined) process.env.TMPDIR = temporary

export default defineConfig({
  test: {
    environment: 'node',
    // Postgres and DuckDB tests start real engines; two at a time is what two cores carry.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Two projects, so that the server of the tests starts only when a test that needs it runs.
    projects: [
      {
        extends: true,
        test: {
          name: 'pure',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: ['**/*.pg.test.ts', '**/node_modules/**'],
        },
      },
      {
        extends: true,
        test: {
          name: 'postgres',
          include: ['src/**/*.pg.test.ts', 'test/**/*.pg.test.ts'],
          globalSetup: ['test/postgres.ts'],
        },
      },
    ],
  },
})
