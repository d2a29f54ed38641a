import { expect, test } from 'vitest'
import { readEvents } from './events.ts'

const bytes = (value: unknown) => Buffer.from(JSON.stringify(value))
const event = { specversion: '1.0', id: '7', source: '/fab/etch', type: 'wafer.measured' }

test('binary mode: attributes in headers, data in the body (HTTP binding, 3.1)', () => {
  const headers = {
    'content-type': 'application/json',
    'ce-specversion': '1.0',
    'ce-id': '7',
    'ce-source': '/fab/etch',
    'ce-type': 'wafer.measured',
    'ce-subject': 'etch%207',
    'ce-time': '2026-11-21T12:00:00Z',
    authorization: 'Bearer x',
  }
  const [message, ...others] = readEvents(headers, bytes({ n: 1 }))
  expect(others).toEqual([])
  expect(message).toMatchObject({ id: '/fab/etch 7', key: 'etch 7', redelivered: false })
  expect(JSON.parse(Buffer.from(message!.body).toString())).toEqual({ n: 1 })
  expect(message!.headers).toMatchObject({ 'ce-type': 'wafer.measured' })
  expect(JSON.stringify(message)).not.toContain('Bearer')
})

test('structured and batch mode', () => {
  const one = readEvents(
    { 'content-type': 'application/cloudevents+json; charset=utf-8' },
    bytes({ ...event, data: { n: 2 } }),
  )
  expect(one.map(({ id, body }) => [id, `${Buffer.from(body)}`])).toEqual([
    ['/fab/etch 7', '{"n":2}'],
  ])
  const coded = { ...event, id: '8', data_base64: Buffer.from('{"n":3}').toString('base64') }
  const batch = readEvents(
    { 'content-type': 'application/cloudevents-batch+json' },
    bytes([{ ...event, data: { n: 2 } }, coded]),
  )
  expect(batch.map(({ id, body }) => [id, `${Buffer.from(body)}`])).toEqual([
    ['/fab/etch 7', '{"n":2}'],
    ['/fab/etch 8', '{"n":3}'],
  ])
})

test("an event of KServe's logger is a request, named by its id", () => {
  const headers = {
    'content-type': 'application/json',
    'ce-specversion': '1.0',
    'ce-id': 'request-1',
    'ce-source': 'http://localhost:9081/',
    'ce-type': 'org.kubeflow.serving.inference.request',
    'ce-inferenceservicename': 'wafer-cd',
    'ce-namespace': 'fab',
    'ce-endpoint': '',
  }
  const [message] = readEvents(headers, bytes({ inputs: [] }))
  expect(message!.id).toBe('http://localhost:9081/ request-1')
  expect(message!.headers['ce-inferenceservicename']).toBe('wafer-cd')
})

test('a trace goes on from the header of the request, else from the extension', () => {
  const trace = (digit: string) => `00-${digit.repeat(32)}-${digit.repeat(16)}-01`
  const binary = {
    'content-type': 'application/json',
    ...Object.fromEntries(Object.entries(event).map(([name, value]) => [`ce-${name}`, value])),
  }
  const structured = { 'content-type': 'application/cloudevents+json' }
  const told = [
    readEvents({ ...binary, traceparent: trace('1') }, bytes({})),
    readEvents({ ...binary, 'ce-traceparent': trace('2') }, bytes({})),
    readEvents({ ...binary, traceparent: trace('1'), 'ce-traceparent': trace('2') }, bytes({})),
    readEvents(structured, bytes({ ...event, traceparent: trace('3') })),
    readEvents({ ...structured, traceparent: trace('1') }, bytes(event)),
    readEvents(structured, bytes(event)),
  ].map(([message]) => message!.headers.traceparent)
  expect(told).toEqual([...['1', '2', '1', '3', '1'].map(trace), undefined])
})

test('what is no event is refused with the attribute at fault', () => {
  const structured = { 'content-type': 'application/cloudevents+json' }
  const refused = (headers: Record<string, string>, body: Uint8Array) => {
    try {
      return readEvents(headers, body).length
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  const { source: _, ...sourceless } = event
  expect([
    refused({ 'content-type': 'application/json' }, bytes({})),
    refused(structured, Buffer.from('{')),
    refused(structured, bytes([event])),
    refused(structured, bytes(sourceless)),
    refused(structured, bytes({ ...event, specversion: '0.3' })),
    refused({ 'content-type': 'application/cloudevents-batch+json' }, bytes(event)),
    refused(
      { 'content-type': 'application/cloudevents-batch+json' },
      bytes(Array(1_001).fill(event)),
    ),
    refused({ 'content-type': 'application/json', 'ce-id': '%zz' }, bytes({})),
  ]).toEqual(Array(8).fill('E_MESSAGE'))
})
