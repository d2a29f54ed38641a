import { connect, createServer, type Server, type Socket } from 'node:net'

/** A port in front of another, so that what stands behind may go, and come back elsewhere. */
export class Door implements AsyncDisposable {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** Undefined: whoever comes is sent away, as by a server that is gone. */
  port: number | undefined

  constructor(server: Server) {
    this.#server = server
    server.on('connection', from => {
      if (this.port === undefined) return void from.destroy()
      const to = connect(this.port, '127.0.0.1')
      for (const socket of [from, to]) {
        this.#sockets.add(socket)
        socket.on('error', () => undefined)
        socket.on('close', () => {
          this.#sockets.delete(socket)
          from.destroy()
          to.destroy()
        })
      }
      from.pipe(to).pipe(from)
    })
  }

  static async open(port: number): Promise<Door> {
    const server = createServer()
    const door = new Door(server)
    door.port = port
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return door
  }

  get address(): number {
    return (this.#server.address() as { port: number }).port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }
}
