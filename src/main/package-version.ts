import { readFileSync } from 'node:fs'

/** Of the package: the same two folders up from `src/main` and from `dist/main`. */
export const packageVersion: string = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
).version
