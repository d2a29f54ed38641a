import type { TestedFault } from './fault.ts'

/*
 * Faults that the tests do already, to real processes, databases and brokers: the table runs those
 * tests and tells how they ended.
 */

const runners = 'test/runners/pool.test.ts'
const brokers = ['amqp', 'nats', 'kafka', 'mqtt'] as const

const streams: readonly TestedFault[] = brokers.flatMap(kind => {
  const file = `test/streams/${kind}.pg.test.ts`
  return [
    {
      ids: 'F23',
      done: `${kind}: broker killed and started again under messages`,
      expected: 'none lost, none doubled',
      file,
      named: /F23/,
    },
    {
      ids: 'F24',
      done: `${kind}: a thousand messages, delivered again`,
      expected: 'one effect each',
      file,
      named: /a thousand messages/,
    },
    {
      ids: 'F25, C49',
      done: `${kind}: messages that are none`,
      expected: 'dead letters with their cause, the rest flows',
      file,
      named: /poison/,
    },
    {
      ids: 'F26',
      done: `${kind}: a slow graph`,
      expected: 'no more is taken than may be held',
      file,
      named: /F26/,
    },
  ]
})

export const testedFaults: readonly TestedFault[] = [
  {
    ids: 'F5, I13',
    done: 'kill -9 of a runner with a call in it',
    expected: '503 to that call, the rest runs on in the next process',
    file: runners,
    named: /F5/,
  },
  {
    ids: 'F6',
    done: 'a model that loops without end',
    expected: '504, runner killed; quarantined at the third',
    file: runners,
    named: /F6/,
  },
  {
    ids: 'F7',
    done: 'a model that asks for more memory than there is',
    expected: 'that call refused, shard-mates answer',
    file: runners,
    named: /F7/,
  },
  {
    ids: 'F9, I11',
    done: 'PostgreSQL stopped for a minute under load, started again',
    expected: 'no inference fails, health says so, writes 503 with Retry-After',
    file: 'test/loop/database-away.pg.test.ts',
    named: /F9/,
  },
  {
    ids: 'F13',
    done: 'every connection of the pool held',
    expected: 'writes 503 in 10 s with Retry-After, inference does not notice',
    file: 'test/loop/database-away.pg.test.ts',
    named: /F13/,
  },
  ...streams,
  {
    ids: 'F25',
    done: 'kill -9 of a node, and messages that kill it',
    expected: 'none lost or doubled; killers become dead letters',
    file: 'test/streams/kill.pg.test.ts',
    named: /killed/,
  },
  {
    ids: 'F31, I12',
    done: 'open loop at 1, 2, 5 and 10 times the capacity',
    expected: 'goodput stays, nothing runs after its deadline',
    file: 'src/serve/overload.test.ts',
    named: /times its capacity/,
  },
  {
    ids: 'F32, I15',
    done: '500 callers of a cold model: family, and runner',
    expected: 'one load',
    file: 'src/serve/residency.test.ts',
    named: /F32/,
  },
  {
    ids: 'F32, I15',
    done: '500 callers of a cold imported model',
    expected: 'one load',
    file: runners,
    named: /500 callers/,
  },
  {
    ids: 'F33',
    done: 'more models than fit in a runner',
    expected: 'the budget holds, all answer',
    file: runners,
    named: /F33/,
  },
  {
    ids: 'C20-C27',
    done: 'files that are no models, or bad ones, over HTTP',
    expected: 'refused with a code; two of them by probation',
    file: 'test/imported/imported.pg.test.ts',
    named: /C20-C27/,
  },
  {
    ids: 'C40-C46',
    done: 'bad tensors, sizes, deadlines: HTTP and gRPC',
    expected: 'the same code on both',
    file: 'src/serve/rims.test.ts',
    named: /refused alike|C44/,
  },
  {
    ids: 'C43',
    done: 'a value outside of what training saw',
    expected: 'answered, says so, counted',
    file: 'src/serve/http.test.ts',
    named: /C43/,
  },
  {
    ids: 'C46',
    done: 'deadlines that are none, or past',
    expected: 'E_DEADLINE; past ones are not run',
    file: 'src/serve/data-plane.test.ts',
    named: /C46/,
  },
  {
    ids: 'C47',
    done: '10,000 names that are unknown',
    expected: '404; no state, no series',
    file: 'test/metrics.test.ts',
    named: /C47/,
  },
  {
    ids: 'C48',
    done: 'gRPC: large, bomb, metadata, unknown, half closed',
    expected: 'a status each, the server goes on',
    file: 'src/serve/grpc/server.test.ts',
    named: /C48/,
  },
  {
    ids: 'C50',
    done: 'outcomes: unknown, twice, corrected, too old',
    expected: 'told for each, kept once',
    file: 'src/journal/outcomes.pg.test.ts',
    named: /C50/,
  },
  {
    ids: 'C71, I21',
    done: 'line feeds and escapes in names and headers',
    expected: 'one JSON line each; no cause in the answer',
    file: 'test/metrics.test.ts',
    named: /C71/,
  },
]
