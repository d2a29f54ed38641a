import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { somePlan, someRun } from '../../test/control/memory-desk.ts'
import { startServer, type TestServer } from '../../test/control/server.ts'
import { type Said, say, type TestTerminal } from '../../test/control/terminal.ts'

let server: TestServer
let folder = ''
beforeEach(async () => {
  server = await startServer()
  folder = mkdtempSync(join(tmpdir(), 'muster-cli-'))
})
afterEach(() => server[Symbol.asyncDispose]())

const ask = (line: string, look: TestTerminal = {}): Promise<Said> =>
  say([...line.split(' '), '--server', server.url], { cwd: folder, ...look })

async function startFleet(): Promise<void> {
  expect((await say(['init'], { cwd: folder })).code).toBe(0)
}

describe('plan', () => {
  test('shows what goes first, also at zero, and ends with the next command', async () => {
    await startFleet()
    const { code, out, err } = await ask('plan')
    expect(code).toBe(0)
    expect(out).toMatchSnapshot()
    expect(err).toBe('Nothing has changed yet. To do exactly this: muster apply p-81\n')
  })

  test('exit code 5 only when asked, and only with changes', async () => {
    await startFleet()
    expect((await ask('plan --exit-code')).code).toBe(5)
    const { totals } = somePlan()
    const still = { ...somePlan(), totals: { ...totals, train: 0 }, groups: [] }
    server.state.plan = still
    const declared = await ask('plan --exit-code')
    expect([declared.code, declared.err]).toEqual([
      5,
      'The declaration has changed, and no model with it.\n' +
        'Nothing has changed yet. To do exactly this: muster apply p-81\n',
    ])
    server.state.plan = { ...still, newDeclaration: false }
    const { code, err } = await ask('plan --exit-code')
    expect([code, err]).toEqual([0, 'Nothing to do: the fleet is as declared.\n'])
  })

  test('members, one a line', async () => {
    await startFleet()
    const { out } = await ask('plan --list')
    expect(out).toContain('train\troute-late.ATL.HNL\tno version yet\n')
  })

  test('against an earlier plan', async () => {
    await startFleet()
    expect((await ask('plan --against p-81')).out).toBe('0 models moved since p-81\n')
    expect((await ask('plan --against p-9')).code).toBe(2)
  })

  test('a bad rule is told without a server, and so is data outside the fleet', async () => {
    await startFleet()
    const alone = (env: Record<string, string> = {}) => say(['validate'], { cwd: folder, env })
    expect((await alone()).code).toBe(0)
    const text = readFileSync(join(folder, 'muster.yaml'), 'utf8')
    writeFileSync(join(folder, 'muster.yaml'), `${text}gates: { good: evidence.rmes < 9.0 }\n`)
    const rule = await alone()
    expect(rule.code).toBe(2)
    expect(rule.err).toContain('gate `good` of blueprint `units-sold`: unknown metric')
    expect(rule.err).toContain('^^^^^^^^^^^^^^^^^^^ use `evidence.rmse`')
    writeFileSync(join(folder, 'muster.yaml'), text.replace('sales.csv', '/data/sales.csv'))
    expect((await alone()).err).toContain('MUSTER_DATA_ROOTS')
    expect((await alone({ MUSTER_DATA_ROOTS: '/other:/data' })).code).toBe(0)
    expect((await alone({ MUSTER_DATA_ROOTS: 'data' })).err).toContain('not an absolute path')
  })

  test('an invalid declaration is refused without a server', async () => {
    await startFleet()
    writeFileSync(join(folder, 'more.yaml'), 'kind: Source\nnmae: x\n')
    const { code, err } = await ask('plan')
    expect(code).toBe(2)
    expect(err).toContain('more.yaml:2:1')
    expect(err).toContain('Nothing was changed.')
    expect((await ask('validate')).code).toBe(2)
    expect((await ask('apply')).code).toBe(2)
  })
})

describe('apply', () => {
  test('does what a file says, in lines', async () => {
    await startFleet()
    await ask('plan --out plan.json')
    const { code, out, err } = await ask('apply plan.json')
    expect([code, out]).toEqual([0, ''])
    expect(err.trim().split('\n')).toEqual([
      'p-81 adopted: 1 run',
      'run r-7 started: route-late, 8 models',
      'run r-7: route-late frame done in 1.5 s',
      'run r-7: route-late leaves done in 1.5 s',
      'run r-7 finished: route-late: 3 serve, 1 answered by an ancestor, 1 refused, 1 failed',
      '  not-worth-keeping 2 · constant-label 1',
      'Next: muster status',
    ])
  })

  test('--no-wait adopts and follows nothing', async () => {
    const { code, err } = await ask('apply p-81 --no-wait')
    expect([code, err]).toEqual([0, 'p-81 adopted: 1 run\nFollow them: muster status --watch\n'])
  })

  test('a folder is planned and done, as `plan` takes it', async () => {
    expect((await say(['init', 'shop'], { cwd: folder })).code).toBe(0)
    const { code, err } = await ask('apply shop')
    expect(code).toBe(0)
    expect(err).toContain('p-81 adopted: 1 run\n')
    expect((await ask('apply nowhere')).err).toContain('neither a plan nor a file')
  })

  test('a terminal redraws, MUSTER_PLAIN=1 never does', async () => {
    expect((await ask('apply p-81', { tty: true })).err).toMatch(/━.*\n\u001b\[1F\u001b\[J/s)
    const plain = await ask('apply p-81', { tty: true, env: { MUSTER_PLAIN: '1' } })
    expect(plain.err).not.toContain('\u001b')
    expect(plain.err).toContain('frame done in 1.5 s')
  })

  test('objects: the answer, the states, the runs', async () => {
    const { out } = await ask('apply p-81 --json')
    const lines = out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(lines.every(line => line.v === 1)).toBe(true)
    expect(lines[0]).toMatchObject({ plan: 'p-81', state: 'adopted' })
    expect(lines.at(-1).run).toMatchObject({ id: 'r-7', state: 'done' })
  })

  test('a plan that is out of date is exit code 4', async () => {
    server.state.stale = true
    const { code, err } = await ask('apply p-81')
    expect([code, err]).toEqual([
      4,
      'muster: p-81 is out of date\n  see them: muster plan --against p-81\n',
    ])
  })

  test('a file of another plan is out of date too', async () => {
    await startFleet()
    await ask('plan --out plan.json')
    server.state.plan = { ...somePlan(), digest: `sha256:${'0'.repeat(64)}` }
    expect((await ask('apply plan.json')).code).toBe(4)
  })

  test('a failed run is exit code 1', async () => {
    const run = { ...someRun('failed'), because: 'the source cannot be read' }
    server.state.events = [{ type: 'run', run }]
    const { code, err } = await ask('apply p-81')
    expect(code).toBe(1)
    expect(err).toContain('run r-7 failed: route-late: the source cannot be read')
  })

  test('Ctrl C stops the watching and says what goes on', async () => {
    server.state.events = server.state.events.slice(0, 2)
    server.state.endless = true
    const abort = new AbortController()
    const { code, err } = await ask('apply p-81', {
      signal: abort.signal,
      onErr: text => {
        if (text.includes('started')) abort.abort()
      },
    })
    expect(code).toBe(130)
    expect(err).toContain('Stopped watching. Run r-7 goes on: muster runs r-7 --watch')
  })
})
