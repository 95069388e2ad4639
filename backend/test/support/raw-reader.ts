import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Reads a stream from a bare socket, as fast as it comes or not at all, and keeps of each event only its number: `{"n":…}`. */
export class RawReader {
  readonly numbers: number[] = []
  verdict: string | undefined
  /** The position after the last whole event. */
  position: string | undefined
  readonly #socket: Socket
  #rest = ''

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#read(chunk.toString('latin1')))
    socket.on('error', () => undefined) // the product may cut it
  }

  static async open(url: string, headers: Readonly<Record<string, string>>): Promise<RawReader> {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    await once(socket, 'connect')
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    socket.write(`GET /sse HTTP/1.1\r\nHost: ${hostname}\r\n${lines.join('')}\r\n`)
    return new RawReader(socket)
  }

  /** Takes nothing any more: the kernel's buffers fill, then the product's. */
  stop(): void {
    this.#socket.pause()
  }

  /** Takes what is still there, until the end. */
  async drain(): Promise<void> {
    if (this.#socket.closed) return
    const closed = once(this.#socket, 'close')
    this.#socket.resume()
    await closed
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(text: string): void {
    const blocks = (this.#rest + text).split('\n\n')
    this.#rest = blocks.pop() ?? ''
    for (const block of blocks) {
      this.position = /^id: (\S+)$/m.exec(block)?.[1] ?? this.position
      this.verdict ??= /"verdict":"(\w+)"/.exec(block)?.[1]
      const number = /"n":(\d+)/.exec(block)?.[1]
      if (number !== undefined) this.numbers.push(Number(number))
    }
  }
}
