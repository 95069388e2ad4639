import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A TCP proxy between the product and one of its services, so that a test can pull the plug and put it back. */
export class TcpProxy {
  readonly #target: { host: string; port: number }
  readonly #sockets = new Set<Socket>()
  readonly #server = createServer((client) => this.#serve(client))
  #up: boolean
  #silent = false

  private constructor(target: { host: string; port: number }, up: boolean) {
    this.#target = target
    this.#up = up
  }

  static async open(target: { host: string; port: number }, up = true): Promise<TcpProxy> {
    const proxy = new TcpProxy(target, up)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Breaks every connection; new ones are broken at once. */
  cut(): void {
    this.#up = false
    for (const socket of this.#sockets) socket.destroy()
  }

  restore(): void {
    this.#up = true
  }

  /** Lets nothing through, and breaks nothing: who asks waits. */
  hang(): void {
    for (const socket of this.#sockets) socket.pause()
  }

  /** As `hang`, for connections to come as well. */
  silence(): void {
    this.#silent = true
    this.hang()
  }

  /** What was held comes through. */
  flow(): void {
    this.#silent = false
    for (const socket of this.#sockets) socket.resume()
  }

  async close(): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #serve(client: Socket): void {
    if (!this.#up) {
      client.destroy()
      return
    }
    const server = connect(this.#target)
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
      socket.pipe(other)
      if (this.#silent) socket.pause()
    }
  }
}

/** The same URL through a proxy. For MongoDB `directConnection` keeps the driver from looking up the server's own address. */
export const through = (url: string, proxy: TcpProxy): string => {
  const changed = new URL(url)
  changed.hostname = '127.0.0.1'
  changed.port = String(proxy.port)
  if (changed.protocol.startsWith('mongodb')) {
    changed.searchParams.delete('replicaSet')
    changed.searchParams.set('directConnection', 'true')
  }
  return changed.href
}

export const targetOf = (url: string): { host: string; port: number } => {
  const { hostname, port } = new URL(url)
  return { host: hostname, port: Number(port) }
}
