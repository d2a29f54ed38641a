import { expect, test } from 'vitest'
import { readConfig } from './config.ts'

const read = (env: Readonly<Record<string, string>>) => readConfig(env, '.', { cores: 2 })

test('gRPC has a port of its own: the next, the one that is named, or none', () => {
  expect(read({ MUSTER_PORT: '7100' }).grpc).toEqual({ port: 7101, isAskedFor: false })
  expect(read({ MUSTER_GRPC_PORT: '9000' }).grpc).toEqual({ port: 9000, isAskedFor: true })
  expect(read({ MUSTER_GRPC_PORT: 'off' }).grpc).toBeUndefined()
  expect(read({ MUSTER_PORT: '0', MUSTER_GRPC_PORT: '0' }).grpc?.port).toBe(0)
  const same = { MUSTER_PORT: '7100', MUSTER_GRPC_PORT: '7100' }
  expect(() => read(same)).toThrow('MUSTER_GRPC_PORT is 7100, which is the port of HTTP')
})
