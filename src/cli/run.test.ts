import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { say } from '../../test/control/terminal.ts'
import { whyWithout } from '../../test/debian.ts'
import { skipBecause } from '../../test/strict.ts'
import { commands } from './commands.ts'
import { completions } from './completions.ts'

const folder = mkdtempSync(join(tmpdir(), 'muster-cli-'))
/** A port of the loopback where nothing listens. */
let away = ''
/** A web server that is no Muster. */
const foreign = createServer((_, response) => response.end('<html>hello</html>'))
let foreignUrl = ''

beforeAll(async () => {
  const probe = createServer()
  await new Promise<void>(resolve => probe.listen(0, '127.0.0.1', resolve))
  away = `http://127.0.0.1:${(probe.address() as AddressInfo).port}`
  await new Promise(resolve => probe.close(resolve))
  await new Promise<void>(resolve => foreign.listen(0, '127.0.0.1', resolve))
  foreignUrl = `http://127.0.0.1:${(foreign.address() as AddressInfo).port}`
  writeFileSync(join(folder, 'plain.txt'), 'no plan')
})
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await new Promise(resolve => foreign.close(resolve))
})

describe('help', () => {
  test('teaches the whole', async () => {
    const { code, out, err } = await say(['--help'])
    expect([code, err]).toEqual([0, ''])
    expect(out).toMatchSnapshot()
    expect((await say([])).out).toBe(out)
    expect((await say(['help'])).out).toBe(out)
  })

  test.each(commands.map(c => c.name))('of %s', async name => {
    const words = name.split(' ')
    const { code, out } = await say([...words, '--help'])
    expect(code).toBe(0)
    expect(out).toMatchSnapshot()
    expect((await say(['help', ...words])).out).toBe(out)
  })

  test('a family lists its commands', async () => {
    const { code, out } = await say(['data'])
    expect(code).toBe(0)
    expect(out).toContain('Usage: muster data <command> [options]')
    for (const { name } of commands.filter(c => c.name.startsWith('data '))) {
      expect(out).toContain(`  ${name} `)
    }
    expect((await say(['data', '--help'])).out).toBe(out)
    expect((await say(['help', 'data'])).out).toBe(out)
  })

  test('version', async () => {
    expect(await say(['--version'])).toEqual({ code: 0, out: '0.1.0\n', err: '' })
  })
})

describe('refusals are one line and a hint (RELIABILITY C86)', () => {
  test.each([
    [['lst'], 'muster: unknown command `lst`\n  use `muster list`\n'],
    [['data', 'lsit'], 'muster: unknown command `data lsit`\n  use `muster data list`\n'],
    [['dta', 'list'], 'muster: unknown command `dta`\n  use `muster data list`\n'],
    [
      ['data', 'xyzzyxyzzy'],
      'muster: unknown command `data xyzzyxyzzy`\n  see: muster data --help',
    ],
    [['help', 'lst'], 'muster: unknown command `lst`\n  use `muster list`\n'],
    [['features', 'show'], 'argument `name`\n  see: muster features show --help\n'],
    [['why'], 'muster: missing required argument `name`\n  see: muster why --help\n'],
    [['why', ''], 'muster: name is empty\n  see: muster why --help\n'],
    [['list', '--model', ''], 'muster: unknown option `--model`\n'],
    [['list', '--sort', ''], 'muster: --sort is empty\n'],
    [['list', '--sort', 'nmae'], 'muster: `nmae` is no order of models\n'],
    [['list', '--limit', '-3'], 'muster: --limit is a whole number from 1 on\n'],
    [['plan', '--lits'], 'muster: unknown option `--lits`\n  use `--list`\n'],
    [['plan', '--out'], 'muster: option `--out <file>` argument missing\n'],
    [['why', 'a', 'b'], 'muster: too many arguments for `why`. Expected 1 argument but got 2'],
    [['list', 'state:faild'], 'muster: `state:faild` in the filter:'],
    [['list', '--server', 'ftp://x'], 'muster: `ftp://x` is not the address of a server\n'],
    [['list', '--server', 'http://u:p@x'], 'muster: `http://u:p@x` is not the address'],
    [['up', '--port', '99999'], 'muster: `99999` is not a port\n'],
    [['plan', 'nowhere'], 'muster: nowhere does not exist\n  name the folder of a fleet'],
    [['plan', 'plain.txt'], 'muster: plain.txt is not a folder\n'],
    [['apply', 'nowhere'], 'muster: nowhere is neither a plan nor a file\n'],
    [['apply', 'plain.txt'], 'muster: plain.txt is not a plan: it is not JSON\n'],
    [['predict', 'a', '--input', 'x'], 'muster: `x` is not of the form feature=value\n'],
    [['predict', 'a', '--input', 'x=1', 'x=2'], 'muster: `x` is given twice\n'],
    [['completion', 'tcsh'], 'muster: there is no completion for `tcsh`\n'],
    [['init', 'plain.txt'], 'muster: plain.txt is a file, not a folder\n'],
    [['lst\u001b[31m\nforged'], 'muster: unknown command `lst<U+001B>[31m<U+000A>forged`\n'],
  ])('%j', async (argv, line) => {
    const { code, out, err } = await say(argv, { cwd: folder })
    expect(err).toContain(line)
    expect(err.split('\n').length).toBeLessThanOrEqual(3)
    expect(err).not.toMatch(/\bat .*\.ts|node:|Error:/)
    expect([code, out]).toEqual([2, ''])
  })

  test.each([
    'status',
    'runs',
    'list',
    'why a',
    'show a',
    'predict a --input x=1',
    'predict a',
    'export a b.onnx',
  ])('no server: %s', async line => {
    const { code, err } = await say([...line.split(' '), '--server', away], { cwd: folder })
    expect(code).toBe(1)
    expect(err).toBe(
      `muster: no Muster server answers at ${away}\n` +
        '  start one: muster up (or name another: --server URL)\n',
    )
  })

  test.each(['status', 'why a', 'predict a --input x=1'])('another server: %s', async line => {
    const { code, err } = await say([...line.split(' '), '--server', foreignUrl])
    expect(code).toBe(1)
    expect(err).toMatch(/^muster: .* (?:is no Muster server of this version|does not speak)/)
    expect(err.trimEnd().split('\n')).toHaveLength(2)
  })

  test('the port comes from MUSTER_PORT', async () => {
    const port = new URL(away).port
    expect((await say(['status'], { env: { MUSTER_PORT: port } })).err).toContain(away)
    expect((await say(['status'], { env: { MUSTER_PORT: 'x' } })).code).toBe(2)
  })

  test('programs get the refusal as an object too', async () => {
    const { out } = await say(['list', 'state:faild', '--json'])
    expect(JSON.parse(out)).toMatchObject({
      v: 1,
      error: { code: 'E_QUERY', hint: 'use `failed`' },
    })
  })

  test('what should not happen is said without its insides', async () => {
    const fail = async (): Promise<number> => {
      throw new TypeError('secret /root/path')
    }
    const { code, err } = await say(['up'], { start: { up: fail } })
    expect([code, err]).toEqual([
      1,
      'muster: this should not have happened (TypeError)\n  muster doctor may tell more\n',
    ])
  })
})

test('up and quickstart start what main gives, with its exit code', async () => {
  const asked: object[] = []
  const start = {
    up: async (o: object) => asked.push(o) + 6,
    quickstart: async (o: object) => asked.push(o) + 6,
  }
  expect((await say(['up', '--port', '8000'], { start })).code).toBe(7)
  const env = { MUSTER_PORT: '9000' }
  expect((await say(['quickstart', '--once', '--json'], { start, env })).code).toBe(8)
  expect(asked).toEqual([
    { port: 8_000, json: false },
    { port: 9_000, json: true, once: true },
  ])
})

describe('completion', () => {
  const hasBash = spawnSync('bash', ['--version']).status === 0

  test.runIf(hasBash)('bash completes commands, options and choices', () => {
    const complete = (words: readonly string[]): string[] => {
      const script = `${completions.bash?.()}
COMP_WORDS=(${words.map(w => `'${w}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _muster
printf '%s\\n' "\${COMPREPLY[@]}"`
      return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim().split('\n')
    }
    expect(complete(['muster', 'st'])).toEqual(['status'])
    expect(complete(['muster', 'completion', 'z'])).toEqual(['zsh'])
    expect(complete(['muster', 'plan', '--ex'])).toEqual(['--exit-code'])
    expect(complete(['muster', 'da'])).toEqual(['data'])
    expect(complete(['muster', 'data', 'li'])).toEqual(['list'])
    expect(complete(['muster', 'features', 'sh'])).toEqual(['show'])
    expect(complete(['muster', 'features', 'next', '--d'])).toEqual(['--dry-run'])
    expect(complete(['muster', 'list', '--'])).toEqual([
      '--sort',
      '--limit',
      '--json',
      '--server',
      '--help',
    ])
  })

  test.each(['bash', 'zsh', 'fish'])('%s names every command', async shell => {
    const { code, out } = await say(['completion', shell])
    expect(code).toBe(0)
    for (const { name } of commands) {
      for (const word of name.split(' ')) expect(out).toContain(word)
    }
  })

  test.for(['zsh', 'fish'])('%s reads its script without a complaint', (shell, context) => {
    const missing = whyWithout(shell)
    if (missing) skipBecause(context, missing)
    const script = join(folder, `completion.${shell}`)
    writeFileSync(script, completions[shell]?.() ?? '')
    const found = spawnSync(shell, ['-n', script], { encoding: 'utf8' })
    expect(found.stderr).toBe('')
  })
})
