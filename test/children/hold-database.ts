import { systemClock } from '../../src/base/clock.ts'
import { openStore, ownStateFolder, startEmbedded } from '../../src/store/index.ts'

/*
 * A process that owns a state folder and its database, for tests that kill it. Prints one line of
 * JSON when it is up, then the numbers it wrote, each after its commit; ends when its standard
 * input does.
 */

const home = process.argv[2]!
await using _own = await ownStateFolder(home)
await using database = await startEmbedded({ folder: `${home}/postgres`, clock: systemClock })
await using store = await openStore(database.url)
await store.run('create table if not exists kept (number bigint primary key)')
console.log(
  JSON.stringify({
    pid: process.pid,
    server: await database.pid(),
    reused: database.reused,
    url: database.url,
  }),
)
let going = true
process.stdin.on('end', () => {
  going = false
})
process.stdin.resume()
const from = (await store.one<{ n: number }>('select coalesce(max(number), 0) as "n" from kept'))!.n
for (let number = from + 1; going; number++) {
  try {
    await store.run('insert into kept (number) values ($1) on conflict do nothing', [number])
    console.log(number)
  } catch {
    number--
  }
}
