import { Socket } from 'node:net'
import { serveRunner } from './runner.ts'

/*
 * The entry of a runner process: here and not in `main/`, so that it loads nothing but what a
 * runner is made of (a fourth of the processor time to start). File descriptor 3 is its only way in
 * and out; the one argument is the memory that its models may take, in bytes. When the server ends,
 * so does this.
 */
const socket = new Socket({ fd: 3, readable: true, writable: true })
socket.on('error', () => process.exit(0))
serveRunner(socket, Number(process.argv[2])).then(
  () => process.exit(0),
  () => process.exit(1),
)
process.on('SIGINT', () => {}) // Ctrl C goes to the whole group: the server says when to end.
