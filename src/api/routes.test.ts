import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startServer, type TestServer } from '../../test/control/server.ts'
import { ControlClient, writeCursor } from '../contract/index.ts'

let server: TestServer
beforeEach(async () => {
  server = await startServer()
})
afterEach(() => server[Symbol.asyncDispose]())

const get = (path: string) => server.app.inject(`/api/v1${path}`)

describe('queries (RELIABILITY C69)', () => {
  test.each([
    '?limit=-1',
    '?limit=0',
    '?limit=1e9',
    '?limit=1001',
    '?limit=1.5',
    '?limit=',
    '?limit=1&limit=2',
    '?sort=password',
    '?sort=name&sort=rows',
    '?cursor=',
    '?cursor=nonsense',
    '?cursor=../../etc',
    '?cursor=W10',
    '?filter=state:faild',
    '?filter=drop:table',
    `?filter=${'x'.repeat(1_001)}`,
    '?limt=3',
    '?__proto__=1',
    '?constructor=1',
  ])('/models%s is E_QUERY', async query => {
    const answer = await get(`/models${query}`)
    expect(answer.statusCode).toBe(400)
    expect(answer.headers['content-type']).toContain('application/problem+json')
    expect(answer.json()).toMatchObject({ code: 'E_QUERY', status: 400, hint: expect.any(String) })
    expect(answer.json().requestId).toBeTruthy()
    expect(answer.body).not.toMatch(/node_modules|\.ts:|\bat /)
  })

  test('triggers have pages too', async () => {
    const page = (await get('/triggers?limit=1')).json()
    expect(page).toMatchObject({ items: [{ name: 'wafer-health/readings' }], nextCursor: null })
    expect((await get('/triggers?limt=1')).json().code).toBe('E_QUERY')
  })

  test('a cursor of another filter or list is refused', async () => {
    const first = await get('/models?limit=2&filter=level:leaf')
    const { nextCursor } = first.json()
    expect((await get(`/models?limit=2&filter=level:leaf&cursor=${nextCursor}`)).statusCode).toBe(
      200,
    )
    expect((await get(`/models?limit=2&cursor=${nextCursor}`)).json().code).toBe('E_QUERY')
    expect((await get(`/runs?cursor=${nextCursor}`)).json().code).toBe('E_QUERY')
    const members = writeCursor({ value: null, id: 'x' }, 'members p-80')
    expect((await get(`/plans/p-81/members?cursor=${members}`)).json().code).toBe('E_QUERY')
  })

  test('an unknown name in the query is named', async () => {
    expect((await get('/models?limt=3')).json()).toMatchObject({
      field: 'limt',
      detail: '`limt` is not a name that is read here',
      hint: 'use filter, sort, limit, cursor; see /api/docs',
    })
    expect((await get('/models?limit=1&limit=2')).json().detail).toBe(
      '`limit` is given more than once',
    )
    expect((await get('/fleet?x=1&y=2')).json()).toMatchObject({
      code: 'E_QUERY',
      detail: '`x`, `y` are not names that are read here',
      hint: 'it takes none; see /api/docs',
    })
  })

  test.each([
    ['?sort=password', '`sort` is one of name, -name, rows, -rows, state, -state'],
    ['?sort=name&sort=rows', '`sort` is given more than once'],
    ['?limit=0', 'limit is a whole number from 1 to 1000'],
    ['?cursor=', '`cursor` has 1 character or more'],
  ])('what is wrong with /models%s is said in our words', async (query, detail) => {
    expect((await get(`/models${query}`)).json()).toMatchObject({ code: 'E_QUERY', detail })
  })

  test.each([
    [{}, '`files` is missing'],
    [{ files: {} }, '`files` is not a list'],
    [{ files: [] }, '`files` has 1 item or more'],
    [{ files: [{ path: 'a', text: 1 }] }, '`files.0.text` is not text'],
    [{ files: [{ path: 'a', text: '', q: 1 }] }, '`files.0.q` is not a name that is read here'],
    [3, 'the body is not an object'],
  ])('so is what is wrong with the plan %j', async (ask, detail) => {
    const answer = await server.app.inject({
      method: 'POST',
      url: '/api/v1/plans',
      headers: { 'content-type': 'application/json' },
      payload: JSON.stringify(ask),
    })
    expect(answer.json()).toMatchObject({ code: 'E_USAGE', status: 400, detail })
  })
})

test('a name with a zero is refused, and who replays by curl sends no body', async () => {
  for (const list of ['predictions', 'outcomes', 'outcomes/errors']) {
    expect((await get(`/${list}?model=a%00`)).json()).toMatchObject({ code: 'E_QUERY' })
  }
  const url = '/api/v1/predictions/01KB3Q8W5V5M2T9R4XJ6C7D8EF/replay'
  expect((await server.app.inject({ method: 'POST', url })).json()).toMatchObject({
    outcome: 'same',
  })
})

describe('lists', () => {
  test('pages carry the whole list once', async () => {
    const names: string[] = []
    let cursor: string | null = null
    do {
      const answer = await get(`/models?sort=-rows&limit=3${cursor ? `&cursor=${cursor}` : ''}`)
      const page: { items: { name: string }[]; nextCursor: string | null } = answer.json()
      names.push(...page.items.map(m => m.name))
      cursor = page.nextCursor
    } while (cursor)
    expect(names[0]).toBe('route-late')
    expect(names).toHaveLength(8)
    expect(new Set(names).size).toBe(8)
  })

  test('the filter is the one of the terminal', async () => {
    const answer = await get('/models?filter=under:route-late.ATL%20failing')
    expect(answer.json().items.map((m: { name: string }) => m.name)).toEqual(['route-late.ATL.HNL'])
  })
})

describe('refusals', () => {
  test.each([
    ['GET', '/models/route-late.ATL.LGB', 404, 'E_MODEL_UNKNOWN'],
    ['GET', '/models/Route', 400, 'E_NAME'],
    ['GET', '/models/route-late.a%00b', 400, 'E_NAME'],
    ['GET', '/models/route-late.ATL.XNA/export', 503, 'E_NOT_SERVING'],
    ['GET', '/runs/r-99', 404, 'E_NOT_FOUND'],
    ['GET', '/runs/r-99/events', 404, 'E_NOT_FOUND'],
    ['GET', '/nothing', 404, 'E_NOT_FOUND'],
    ['POST', '/plans/p-99/apply', 404, 'E_NOT_FOUND'],
  ] as const)('%s %s is %i %s', async (method, path, status, code) => {
    const answer = await server.app.inject({
      method,
      url: `/api/v1${path}`,
      ...(method === 'POST' ? { payload: {} } : {}),
    })
    expect([answer.statusCode, answer.json().code]).toEqual([status, code])
    expect(answer.headers['content-type']).toContain('application/problem+json')
  })

  test.each([
    ['no body', {}, 400],
    ['text', { payload: 'files', headers: { 'content-type': 'text/plain' } }, 415],
    ['broken JSON', { payload: '{', headers: { 'content-type': 'application/json' } }, 400],
    ['an extra field', { payload: { files: [{ path: 'a', text: '' }], x: 1 } }, 400],
    ['a wrong type', { payload: { files: [{ path: 'a', text: 1 }] } }, 400],
    ['no files', { payload: { files: [] } }, 400],
  ])('a plan of %s', async (_, how, status) => {
    const answer = await server.app.inject({ method: 'POST', url: '/api/v1/plans', ...how })
    expect(answer.statusCode).toBe(status)
    expect(answer.json().code).toMatch(/^E_/)
  })

  test('what fails inside stays inside', async () => {
    server.state.models = null as never
    const answer = await get('/models')
    expect(answer.statusCode).toBe(500)
    expect(answer.json()).toMatchObject({ code: 'E_INTERNAL', title: 'Muster failed' })
    expect(answer.body).not.toMatch(/null|iterable|\.ts/)
  })

  test('a plan that is out of date is 409', async () => {
    server.state.stale = true
    const how = { method: 'POST', url: '/api/v1/plans/p-81/apply', payload: {} } as const
    const answer = await server.app.inject(how)
    expect([answer.statusCode, answer.json().code]).toEqual([409, 'E_PLAN_STALE'])
  })
})

describe('events', () => {
  test('states come in order with ids that go on', async () => {
    const first = await get('/runs/r-7/events')
    expect(first.headers['content-type']).toContain('text/event-stream')
    expect(first.body).toMatch(/^retry: 2000\n\nid: 1\nevent: run\ndata: \{"type":"run"/)
    expect(first.body).toContain('id: 6\nevent: run')
    const again = await server.app.inject({
      url: '/api/v1/events',
      headers: { 'last-event-id': '6' },
    })
    expect(again.body).toContain('id: 7\nevent: run')
  })

  test('a reader that leaves ends the stream', async () => {
    server.state.endless = true
    const abort = new AbortController()
    const client = new ControlClient({ server: server.url, signal: abort.signal })
    const events = client.events()
    await events.next()
    expect(server.state.open).toBe(1)
    abort.abort()
    const rest = async (): Promise<void> => {
      for await (const event of events) expect(event.type).toBeTruthy()
    }
    await expect(rest()).rejects.toThrow()
    await expect.poll(() => server.state.open).toBe(0)
  })

  test('closing the app does not wait for readers', async () => {
    server.state.endless = true
    const events = new ControlClient({ server: server.url }).events()
    await events.next()
    await server.app.close()
    await expect.poll(() => server.state.open).toBe(0)
  })
})

describe('the client', () => {
  test('reads what the server says', async () => {
    const client = new ControlClient({ server: server.url })
    expect((await client.summary()).fleet).toBe('flights')
    expect((await client.models({ filter: 'failing', limit: 1 })).nextCursor).toBeTruthy()
    expect((await client.model('route-late.ATL')).owner).toBe('network-ops')
    expect((await client.why('route-late.ATL.XNA')).links).toHaveLength(2)
    expect((await client.exportModel('route-late')).version).toBe(1)
    expect((await client.run('r-7')).steps).toHaveLength(1)
    expect((await client.plan({ files: [{ path: 'a.yaml', text: 'x' }] })).id).toBe('p-81')
    expect((await client.apply('p-81')).state).toBe('adopted')
    expect((await client.validate({ files: [{ path: 'a.yaml', text: 'x' }] })).valid).toBe(true)
    await expect(client.model('nope')).rejects.toMatchObject({ code: 'E_MODEL_UNKNOWN' })
  })

  test('says that nobody answers, or that it is somebody else', async () => {
    const client = new ControlClient({ server: server.url })
    server.app.server.closeAllConnections()
    await server.app.close()
    await expect(client.summary()).rejects.toMatchObject({ code: 'E_SERVER_AWAY' })
  })

  test('a caller that hangs up ends the work on its plan and its check', async () => {
    const leave = new AbortController()
    const client = new ControlClient({ server: server.url, signal: leave.signal })
    const files = [{ path: 'a.yaml', text: 'x' }]
    const signals: AbortSignal[] = []
    const forever = (_: unknown, signal?: AbortSignal) => {
      signals.push(signal!)
      return new Promise<never>(() => {})
    }
    Object.assign(server.desk, { plan: forever, validate: forever })
    const ended = Promise.allSettled([client.plan({ files }), client.validate({ files })])
    await expect.poll(() => signals.length).toBe(2)
    leave.abort()
    await ended
    await expect.poll(() => signals.every(({ aborted }) => aborted)).toBe(true)
  })

  test('says that a server is late, which is not away', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    const client = new ControlClient({ server: `http://127.0.0.1:${port}`, timeoutMs: 20 })
    await expect(client.summary()).rejects.toMatchObject({
      code: 'E_ANSWER_LATE',
      message: expect.stringContaining('has not answered GET /api/v1/fleet in time'),
    })
    silent.closeAllConnections()
    silent.close()
  })
})

describe('documents', () => {
  test('OpenAPI names every route, and the page needs no network', async () => {
    const api = (await get('/openapi.json')).json()
    expect(api.openapi).toBe('3.1.0')
    expect(Object.keys(api.paths)).toEqual([
      '/api/v1/fleet',
      '/api/v1/doctor',
      '/api/v1/models',
      '/api/v1/models/{name}',
      '/api/v1/models/{name}/why',
      '/api/v1/models/{name}/export',
      '/api/v1/runs',
      '/api/v1/runs/{id}',
      '/api/v1/runs/{id}/events',
      '/api/v1/events',
      '/api/v1/plans',
      '/api/v1/plans/{id}',
      '/api/v1/plans/{id}/members',
      '/api/v1/plans/{id}/apply',
      '/api/v1/validate',
      '/api/v1/features',
      '/api/v1/features/views/{id}',
      '/api/v1/features/diff',
      '/api/v1/impact',
      '/api/v1/models/imported',
      '/api/v1/models/imported/load',
      '/api/v1/models/imported/unload',
      '/api/v1/models/imported/remove',
      '/api/v1/features/materialise',
      '/api/v1/features/verify',
      '/api/v1/features/checks',
      '/api/v1/graphs',
      '/api/v1/graphs/{name}',
      '/api/v1/graphs/{name}/infer',
      '/api/v1/sources',
      '/api/v1/sources/{name}',
      '/api/v1/sources/{name}/commits',
      '/api/v1/snapshots/diff',
      '/api/v1/sources/{name}/profile',
      '/api/v1/sources/{name}/quarantine',
      '/api/v1/sources/{name}/release',
      '/api/v1/sources/{name}/delete',
      '/api/v1/sources/{name}/compact',
      '/api/v1/features/frame',
      '/api/v1/features/online',
      '/api/v1/predictions',
      '/api/v1/predictions/{receipt}',
      '/api/v1/predictions/{receipt}/replay',
      '/api/v1/predictions/erase',
      '/api/v1/outcomes',
      '/api/v1/outcomes/errors',
      '/api/v1/scores',
      '/api/v1/scores/{id}',
      '/api/v1/scores/{id}/cancel',
      '/api/v1/scores/{id}/files/{number}',
      '/api/v1/triggers',
      '/api/v1/deadletters',
      '/api/v1/deadletters/{id}',
      '/api/v1/deadletters/replay',
      '/api/v1/deadletters/drop',
      '/api/v1/quarantined-versions',
      '/api/v1/quarantined-versions/lift',
      '/api/v1/models/import',
      '/api/v1/sources/{name}/append',
      '/api/v1/sources/{name}/rows',
      '/api/v1/events/{path}',
    ])
    const page = await server.app.inject('/api/docs/')
    expect(page.statusCode).toBe(200)
    expect(page.body).not.toMatch(/(?:src|href)="(?:https?:)?\/\//)
    expect((await server.app.inject('/api/docs/static/swagger-ui.css')).statusCode).toBe(200)
  })

  test('the page is found without its slash, and loads over plain http', async () => {
    const short = await server.app.inject('/api/docs')
    expect([short.statusCode, short.headers.location]).toEqual([302, '/api/docs/'])
    const page = await server.app.inject('/api/docs/')
    expect(page.headers['content-security-policy']).toContain("default-src 'self'")
    expect(page.headers['content-security-policy']).not.toMatch(
      /upgrade-insecure|swagger\.io|https:/,
    )
    for (const [, part] of page.body.matchAll(/(?:src|href)="\.\/([^"]+)"/g)) {
      expect((await server.app.inject(`/api/docs/${part}`)).statusCode, part).toBe(200)
    }
    const document = await server.app.inject('/api/openapi.json')
    expect([document.statusCode, document.headers.location]).toEqual([302, '/api/v1/openapi.json'])
  })

  test('every operation lists how it is refused', async () => {
    const api = (await get('/openapi.json')).json()
    expect(api.components.schemas.Problem.required).toContain('code')
    for (const [path, operations] of Object.entries<Record<string, object>>(api.paths)) {
      for (const operation of Object.values(operations)) {
        expect(operation, path).toMatchObject({
          responses: {
            default: {
              content: {
                'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
              },
            },
          },
        })
      }
    }
  })
})
