import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { someRun } from '../../test/control/memory-desk.ts'
import { startServer, type TestServer } from '../../test/control/server.ts'
import { type Said, say, type TestTerminal } from '../../test/control/terminal.ts'
import { MusterError } from '../base/errors.ts'
import { problemOf } from '../contract/index.ts'

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
    const filled = {
      features_computed: 1,
      features_looked_up: 3,
      features_missing: 1,
      missing_features: ['docks.free'],
      oldest_feature_ms: 12_000,
      out_of_range: ['sky.events', 'hour'],
    }
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
        '3 features looked up, the oldest about 12 s old; 1 feature computed\n' +
        '1 feature missing online: docks.free\n' +
        'unlike training: sky.events, hour\n',
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

test('doctor tells a server without its database from none', async () => {
  const degraded = [{ away: 'database', since: '2026-11-22T05:16:40.112Z', means: 'runs wait' }]
  const because = new MusterError('E_DATABASE', 'Postgres does not answer')
  const refusal = problemOf(because, 'r-1')
  const lame = createServer(({ url }, answer) => {
    const isReady = url === '/v2/health/ready'
    answer.writeHead(isReady ? 200 : 503, { 'content-type': 'application/json' })
    answer.end(JSON.stringify(isReady ? { ready: true, parameters: { degraded } } : refusal))
  })
  await new Promise<void>(resolve => lame.listen(0, '127.0.0.1', resolve))
  const at = `http://127.0.0.1:${(lame.address() as AddressInfo).port}`
  const { code, out } = await say(['doctor', '--server', at])
  lame.close()
  expect(code).toBe(1)
  expect(out).toContain(`ok\tserver\t${at} answers`)
  expect(out).toMatch(
    /^fault\tdegraded\tdatabase is away since 2026-11-22T05:16:40.112Z: runs wait/m,
  )
  expect(out).toMatch(/^fault\tstatus\tPostgres does not answer/m)
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
