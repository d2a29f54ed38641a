import { once } from 'node:events'
import { get } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/*
 * A balancer of TCP connections, as stands before servers that are restarted one by one: it asks
 * each whether it is ready, gives new connections to those that are, and cuts none.
 */

const lookEveryMs = 25

export class Balancer implements AsyncDisposable {
  readonly #ports: readonly number[]
  readonly #ready = new Set<number>()
  readonly #sockets = new Set<Socket>()
  readonly #looking: NodeJS.Timeout
  readonly #server = createServer({ allowHalfOpen: true }, client => this.#take(client))
  #next = 0

  private constructor(ports: readonly number[]) {
    this.#ports = ports
    this.#looking = setInterval(() => {
      for (const port of ports) void this.#look(port)
    }, lookEveryMs)
  }

  static async open(ports: readonly number[]): Promise<Balancer> {
    const balancer = new Balancer(ports)
    balancer.#server.listen(0, '127.0.0.1')
    await once(balancer.#server, 'listening')
    return balancer
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  isReady(port: number): boolean {
    return this.#ready.has(port)
  }

  #look(port: number): Promise<void> {
    return new Promise(resolve => {
      const told = (isReady: boolean) => {
        if (isReady) this.#ready.add(port)
        else this.#ready.delete(port)
        resolve()
      }
      const request = get({ port, path: '/v2/health/ready', agent: false }, answer => {
        answer.resume()
        told(answer.statusCode === 200)
      })
      request.once('error', () => told(false))
    })
  }

  /** The next that is ready; where that one takes no connections, the one after. */
  #take(client: Socket): void {
    this.#keep(client)
    const ready = this.#ports.filter(port => this.#ready.has(port))
    const order = ready.map((_, i) => ready[(this.#next + i) % ready.length]!)
    this.#next += 1
    const attempt = (): void => {
      const port = order.shift()
      if (port === undefined) {
        client.destroy()
        return
      }
      const server = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      server.once('error', attempt)
      server.once('connect', () => {
        server.off('error', attempt)
        this.#keep(server)
        client.pipe(server).pipe(client)
        // An end that is no end of the stream is one to the other side too.
        client.once('close', () => server.destroy())
        server.once('close', () => client.destroySoon())
      })
    }
    attempt()
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => this.#sockets.delete(socket))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#looking)
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
