import type { AddressInfo } from 'node:net'
import { careFor } from '../src/main/plane-care.ts'
import { createStrictApp, serveRoutes, spreadCallers } from '../src/serve/index.ts'
import { openSlowPlane } from './slow-plane.ts'

/*
 * The server of `overload.ts --http`: the plane of `slow-plane.ts` with the rim and the care that
 * `muster up` gives it. Prints its port.
 *
 *   node sim/overload-server.ts MODELS ROW_MS
 */

const [models = 1_000, rowMs = 4] = process.argv.slice(2).map(Number)
const plane = await openSlowPlane(models, rowMs)
careFor(plane)
const app = createStrictApp()
serveRoutes(app, plane, { version: 'sim' })
await app.listen({ port: 0, host: '127.0.0.1' })
spreadCallers(app.server, plane)
console.log((app.server.address() as AddressInfo).port)
