import { spawnSync } from 'node:child_process'

/** Names of the programs that were looked for, so that one missing package is asked for once. */
const known = new Map<string, string | undefined>()

function has(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
}

function install(program: string, debianPackage: string): string | undefined {
  if (has(program)) return undefined
  if (!has('apt-get') || process.getuid?.() !== 0) return `${program} is not installed`
  const quiet = { stdio: 'ignore' } as const
  spawnSync('apt-get', ['update', '-qq'], quiet)
  spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', debianPackage], quiet)
  return has(program) ? undefined : `${program} cannot be installed (Debian's ${debianPackage})`
}

/**
 * Why a program that a test drives is missing, or undefined when it is there: on Debian, as root,
 * it is installed from its package first.
 */
export function whyWithout(program: string, debianPackage = program): string | undefined {
  if (!known.has(program)) known.set(program, install(program, debianPackage))
  return known.get(program)
}
