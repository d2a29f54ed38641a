import { endlessLoop } from '../../src/onnx/odd-models.fixture.ts'
import { floats, openTestPool } from './pool.fixture.ts'

/* A server that is killed while its runner is stuck: prints the pid of the runner, and waits. */

const open = await openTestPool({ shards: 1, runMaxMs: 60_000 })
const loop = open.add(endlessLoop())
void open.run(loop, [floats([1], 'x', [1])], 60_000).catch(() => undefined)
while (open.pool.status()[0]!.loads === 0) await new Promise(resolve => setTimeout(resolve, 20))
await new Promise(resolve => setTimeout(resolve, 200))
console.log(open.pool.status()[0]!.pid)
