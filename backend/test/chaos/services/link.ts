import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/**
 * A TCP connection's way to a server on 127.0.0.1, which a fault can cut (every connection is reset) or silence (every connection stays, and
 * carries nothing until it is open again), and which can lead to another port when the server has come back elsewhere.
 */
export class Link {
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  readonly #waiting = new Set<Socket>()
  readonly #server = createServer((client) => this.#accept(client))
  #targetPort: number
  #state: 'open' | 'cut' | 'silent' = 'open'

  private constructor(targetPort: number) {
    this.#targetPort = targetPort
  }

  static async open(targetPort: number): Promise<Link> {
    const link = new Link(targetPort)
    link.#server.listen(0, '127.0.0.1')
    await once(link.#server, 'listening')
    return link
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  leadTo(targetPort: number): void {
    this.#targetPort = targetPort
  }

  cut(): void {
    this.#state = 'cut'
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy()
    for (const socket of this.#waiting) socket.destroy()
    this.#waiting.clear()
  }

  silence(): void {
    this.#state = 'silent'
    for (const pair of this.#pairs) for (const socket of pair) socket.pause()
  }

  restore(): void {
    this.#state = 'open'
    for (const pair of this.#pairs) for (const socket of pair) socket.resume()
    for (const socket of this.#waiting) this.#connect(socket)
    this.#waiting.clear()
  }

  async close(): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #accept(client: Socket): void {
    client.on('error', () => client.destroy())
    if (this.#state === 'cut') client.destroy()
    else if (this.#state === 'silent') this.#waiting.add(client.pause())
    else this.#connect(client)
  }

  #connect(client: Socket): void {
    const server = connect(this.#targetPort, '127.0.0.1')
    const pair = [client, server] as const
    this.#pairs.add(pair)
    for (const [from, to] of [pair, [server, client] as const]) {
      from.on('data', (bytes: Buffer) => {
        if (!to.write(bytes)) from.pause()
      })
      from.on('end', () => to.end())
      from.on('error', () => to.destroy())
      from.on('close', () => {
        to.destroy()
        this.#pairs.delete(pair)
      })
      to.on('drain', () => {
        if (this.#state !== 'silent') from.resume()
      })
    }
    client.resume()
  }
}
