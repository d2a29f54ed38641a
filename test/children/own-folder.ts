import { asMusterError } from '../../src/base/errors.ts'
import { ownStateFolder } from '../../src/store/index.ts'

/* Tries to own a folder: prints `owned` and holds it while its input is open, or the code. */

try {
  const own = await ownStateFolder(process.argv[2]!)
  console.log('owned')
  await new Promise(done => process.stdin.on('end', done).resume())
  await own.release()
} catch (error) {
  console.log(asMusterError(error).code)
}
