import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Folders whose code decides what a step leaves behind. */
const deciding = [
  'base',
  'spec',
  'fleet',
  'features',
  'onnx',
  'pipelines',
  'registry',
  'gate',
  'reconcile',
]

/**
 * `0.1.0+a1b2c3d4`: the version of the package and the digest of the code that makes versions. Part
 * of every step's key, so that a changed pipeline never finds what the old one left; part of every
 * lineage.
 */
export function codeVersion(): string {
  const source = join(dirname(fileURLToPath(import.meta.url)), '..')
  const hash = createHash('sha256')
  for (const folder of deciding) {
    const files = readdirSync(join(source, folder), { recursive: true, encoding: 'utf8' })
      .filter(file => /\.[jt]s$/.test(file) && !/\.test\.|\.fixture\.|\.d\.ts$/.test(file))
      .sort()
    for (const file of files) {
      hash.update(`${folder}/${file}\0`)
      hash.update(readFileSync(join(source, folder, file)))
    }
  }
  const about = JSON.parse(readFileSync(join(source, '..', 'package.json'), 'utf8')) as {
    version: string
  }
  return `${about.version}+${hash.digest('hex').slice(0, 8)}`
}
