import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { somePlan, someRun } from '../../test/control/memory-desk.ts'
import { startServer, type TestServer } from '../../test/control/server.ts'
import { type Said, say, type TestTerminal } from '../../test/control/terminal.ts'

let server: TestServer
let folder = ''
beforeEach(async () => {
  server = await startServer(speakV2)
  folder = mkdtempSync(join(tmpdir(), 'muster-cli-'))
})
afterEach(() => server[Symbol.asyncDispose]())

/**
 * The words of the inference protocol that `predict` reads; the data plane itself is tested in
 * `serve/`.
 */
function speakV2(app: FastifyInstance): void {
  const input = (name: string, missing: boolean) => ({
    name,
    datatype: 'FP32',
    shape: [-1, 1],
    parameters: { may_be_missing: missing },
  })
  app.get('/v2/models/demand.70', () => ({
    name: 'demand.70',
    inputs: [
      { name: 'hour', datatype: 'FP32', shape: [-1, 1], parameters: { optional: true } },
      { name: 'state', datatype: 'BYTES', shape: [-1, 1], parameters: { optional: true } },
      {
        name: 'at',
        datatype: 'BYTES',
        shape: [-1, 1],
        parameters: { optional: true, column: 'TIMESTAMP' },
      },
      {
        name: 'member',
        datatype: 'BOOL',
        shape: [-1, 1],
        parameters: { optional: true, column: 'BOOLEAN' },
      },
    ],
    outputs: [{ name: 'prediction', datatype: 'FP32', shape: [-1, 1] }],
  }))
  app.post('/v2/models/demand.70/infer', request => {
    const { inputs } = request.body as { inputs: object[] }
    const filled = { features_computed: 1, features_looked_up: 3, oldest_feature_ms: 12_000 }
    return {
      model_name: 'demand.70',
      model_version: '1',
      parameters: {
        receipt: '01JD',
        answered_by: 'demand.70',
        because: JSON.stringify(inputs),
        ...filled,
      },
      outputs: [{ name: 'prediction', shape: [1, 1], datatype: 'FP32', data: [4] }],
    }
  })
  app.get('/v2/models/:name', () => ({
    name: 'route-late.ATL.XNA',
    inputs: [input('hour', false), input('departures.origin_mean_1h', true)],
    outputs: [{ name: 'probability', datatype: 'FP32', shape: [-1, 1] }],
  }))
  app.post('/v2/models/:name/infer', request => {
    const { inputs } = request.body as { inputs: { name: string; data: (number | null)[] }[] }
    expect(inputs[1]?.data.every(value => value === null)).toBe(true)
    const data = inputs[0]?.data.map(value => Number(value) / 100)
    return {
      model_name: 'route-late.ATL.XNA',
      model_version: '1',
      parameters: { receipt: '01JD', answered_by: 'route-late.ATL', because: 'not better' },
      outputs: [{ name: 'probability', shape: [data?.length, 1], datatype: 'FP32', data }],
    }
  })
}

const ask = (line: string, look: TestTerminal = {}): Promise<Said> =>
  say([...line.split(' '), '--server', server.url], { cwd: folder, ...look })

async function startFleet(): Promise<void> {
  expect((await say(['init'], { cwd: folder })).code).toBe(0)
}

describe('list', () => {
  test('a pipe gets names for `cut -f1`; the address of the list goes aside', async () => {
    const { code, out, err } = await ask('list failing')
    expect(code).toBe(0)
    expect(out.split('\n').map(line => line.split('\t')[0])).toEqual([
      'route-late.ATL.HNL',
      'route-late.BOS.ZZZ',
      '',
    ])
    const address = err.trim().split('\n').at(-1) ?? ''
    const same = (await (await fetch(address)).json()) as { items: { name: string }[] }
    expect(same.items.map(m => m.name)).toEqual(['route-late.ATL.HNL', 'route-late.BOS.ZZZ'])
  })

  test('a terminal gets a table with shape and word', async () => {
    const { out } = await ask('list under:route-late.ATL', {
      tty: true,
      columns: 80,
      env: { NO_COLOR: '1' },
    })
    expect(out).toMatchSnapshot()
  })

  test('objects are one a line', async () => {
    const { out } = await ask('list --json --sort -rows --limit 2')
    const lines = out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(lines.map(m => [m.v, m.name])).toEqual([
      [1, 'route-late'],
      [1, 'route-late.ATL'],
    ])
  })

  test('nothing found is said', async () => {
    const { code, out, err } = await ask('list nobody')
    expect([code, out]).toEqual([0, ''])
    expect(err).toContain('No model fits this filter.')
  })
})

describe('one model', () => {
  test('why prints the chain', async () => {
    expect((await ask('why route-late.ATL.XNA')).out).toMatchSnapshot()
  })

  test('show prints what is recorded, and with --origin where values come from', async () => {
    const look: TestTerminal = { tty: true, env: { NO_COLOR: '1' } }
    expect((await ask('show route-late.ATL.LGA', look)).out).toMatchSnapshot()
    expect((await ask('show route-late.ATL.LGA --origin', look)).out).toBe(
      'penalty 10  muster.yaml:52 override *.HNL  (over 3.2, logistic@1 search)\n',
    )
  })

  test('an unknown one is refused with the nearest', async () => {
    const { code, err } = await ask('why route-late.ATL.LGB')
    expect(code).toBe(2)
    expect(err).toContain('nearest: route-late.ATL.LGA')
  })

  test('predict says who answered, and the receipt', async () => {
    const { code, out, err } = await ask('predict route-late.ATL.XNA --input hour=17')
    expect([code, out]).toEqual([0, '0.17\n'])
    expect(err).toBe(
      'route-late.ATL v1 answered for route-late.ATL.XNA · receipt 01JD\nbecause not better\n',
    )
  })

  test('predict reads rows from standard input', async () => {
    const { out } = await ask('predict route-late.ATL.XNA --json', {
      stdin: '[{"hour": 17}, {"hour": 18}]',
    })
    const lines = out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(lines.map(l => l.probability)).toEqual([0.17, 0.18])
    expect(lines[0]).toMatchObject({ v: 1, answeredBy: 'route-late.ATL', receipt: '01JD' })
  })

  test('predict needs nothing but the name where the rest is looked up', async () => {
    const { code, out, err } = await ask('predict demand.70')
    expect([code, out]).toEqual([0, '4\n'])
    expect(err).toBe(
      'demand.70 v1 answered · receipt 01JD\nbecause []\n' +
        '3 features looked up, the oldest about 12 s old; 1 feature computed\n',
    )
    const line = 'predict demand.70 --input at=2026-11-01T08:00:00Z member=true hour=8'
    const { because } = JSON.parse((await ask(`${line} --json`)).out)
    expect(JSON.parse(because)).toEqual([
      { name: 'hour', shape: [1, 1], datatype: 'FP32', data: [8] },
      { name: 'at', shape: [1, 1], datatype: 'BYTES', data: ['2026-11-01T08:00:00Z'] },
      { name: 'member', shape: [1, 1], datatype: 'BOOL', data: [true] },
    ])
    const some = await ask('predict demand.70', { stdin: '[{"at": "x", "hour": 1}, {"hour": 2}]' })
    expect(some.err).toContain('"data":["x",null]')
    expect((await ask('predict demand.70 --input member=1')).err).toContain('not true or false')
    const lacking = await ask('predict demand.70', { stdin: '[{"state": "up"}, {}]' })
    expect(lacking.err).toContain('the model needs state')
  })

  test('predict names the feature at fault', async () => {
    const wrong = await ask('predict a --input huor=17')
    expect([wrong.code, wrong.err]).toEqual([
      2,
      'muster: the model has no feature `huor`\n  use `hour`\n',
    ])
    expect((await ask('predict a --input departures.origin_mean_1h=1')).err).toContain(
      'add --input hour=...',
    )
  })

  test('export writes the file once', async () => {
    expect((await ask('export route-late.ATL lga.onnx')).code).toBe(0)
    expect([...readFileSync(join(folder, 'lga.onnx'))]).toEqual([8, 9, 10])
    const again = await ask('export route-late.ATL lga.onnx')
    expect([again.code, again.err]).toEqual([
      2,
      'muster: lga.onnx exists already\n  overwrite it: --force\n',
    ])
    expect((await ask('export route-late.ATL lga.onnx --force')).code).toBe(0)
    expect((await ask('export route-late.ATL .')).err).toContain('. is a folder, not a file')
    expect((await ask('export route-late.ATL.XNA x.onnx')).code).toBe(1)
  })
})

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

describe('the fleet', () => {
  test('status in a pipe and on a terminal', async () => {
    const { out, err } = await ask('status')
    expect(out).toBe('route-late\tleaf\t3167\t1204\t1950\t10\t3\t0\n')
    expect(err).toContain('flights · prod generation 42 · 1 blueprint · 3,167 models')
    const look: TestTerminal = { tty: true, env: { NO_COLOR: '1' } }
    expect((await ask('status', look)).out).toMatchSnapshot()
    expect(JSON.parse((await ask('status --json')).out)).toMatchObject({ v: 1, fleet: 'flights' })
  })

  test('status --watch ends when nothing runs any more', async () => {
    server.state.runs = [someRun('running')]
    const { code, err } = await ask('status --watch')
    expect(code).toBe(0)
    expect(err).toContain('run r-7 finished: route-late')
  })

  test('runs, and one of them', async () => {
    expect((await ask('runs')).out).toBe(
      'r-7\tdone\troute-late\t8\tp-81\t2026-11-21T12:03:41.000Z\t12\tno version yet\n',
    )
    expect((await ask('runs r-7')).out).toMatchSnapshot()
    expect((await ask('runs r-8')).code).toBe(2)
  })

  test('doctor without a server looks at the folder and says the cure', async () => {
    const { code, out } = await say(['doctor', '--server', 'http://127.0.0.1:1'], { cwd: folder })
    expect(code).toBe(1)
    expect(out).toContain('ok\tstate\t.muster will be made by muster up')
    expect(out).toMatch(/^fault\tserver\t.*\tstart one: muster up/m)
  })

  test('doctor finds the server', async () => {
    const { out } = await ask('doctor')
    expect(out).toContain(`ok\tserver\t${server.url} answers`)
    expect(out).toContain('ok\tpostgres\t18.4, 3 connections')
    // The server looks at its own state folder; the one here may be another.
    expect(out).not.toContain('.muster')
  })
})

test('a reader that leaves early is no failure', async () => {
  const script = `
    import { runCli } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)}
    const { stdout, stderr, stdin } = process
    const start = { up: async () => 0, quickstart: async () => 0 }
    const clock = { now: () => new Date(), monotonicMs: () => 0 }
    process.exitCode = await runCli(['list', '--server', '${server.url}'], { stdout, stderr, stdin,
      stdoutIsTTY: false, stderrIsTTY: false, columns: 80, cwd: '.', env: {}, clock, start,
      version: '0',
      signal: new AbortController().signal })`
  const some = server.state.models[0]!
  server.state.models = Array.from({ length: 5_000 }, (_, i) => ({
    ...some,
    name: `route-late.n${i}`,
  }))
  const child = spawn(process.execPath, ['--input-type=module', '-e', script])
  let err = ''
  child.stderr.on('data', chunk => {
    err += chunk
  })
  child.stdout.once('data', () => child.stdout.destroy())
  const code = await new Promise(resolve => child.on('exit', resolve))
  expect([code, err.match(/EPIPE|Error|\bat /)]).toEqual([0, null])
})
