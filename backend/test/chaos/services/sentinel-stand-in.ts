import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`

/** The commands in a client's bytes, each an array of bulk strings without line breaks in them (RESP), and what is left over. */
const commandsIn = (text: string): { commands: string[][]; rest: string } => {
  const commands: string[][] = []
  let lines = text.split('\r\n')
  for (;;) {
    const count = Number(/^\*(\d+)$/.exec(lines[0] ?? '')?.[1] ?? Number.NaN)
    if (Number.isNaN(count) || lines.length <= 2 * count + 1) return { commands, rest: lines.join('\r\n') }
    commands.push(lines.slice(1, 2 * count + 1).filter((_, n) => n % 2 === 1))
    lines = lines.slice(2 * count + 1)
  }
}

/** Answers one worker in place of Sentinel: the master is where Sentinel says, by the link that this worker has to it. */
export class SentinelStandIn {
  readonly #linkedMasterPort: () => Promise<number>
  readonly #sockets = new Set<Socket>()
  readonly #server = createServer((client) => this.#serve(client))

  private constructor(linkedMasterPort: () => Promise<number>) {
    this.#linkedMasterPort = linkedMasterPort
  }

  /** @param linkedMasterPort the port of the link to the present master; rejects where Sentinel does not answer */
  static async open(linkedMasterPort: () => Promise<number>): Promise<SentinelStandIn> {
    const standIn = new SentinelStandIn(linkedMasterPort)
    standIn.#server.listen(0, '127.0.0.1')
    await once(standIn.#server, 'listening')
    return standIn
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }

  #serve(client: Socket): void {
    let received = ''
    this.#sockets.add(client)
    client.on('close', () => this.#sockets.delete(client))
    client.on('error', () => client.destroy())
    client.on('data', (bytes) => {
      const { commands, rest } = commandsIn(received + bytes.toString())
      received = rest
      void this.#answerAll(client, commands)
    })
  }

  async #answerAll(client: Socket, commands: readonly string[][]): Promise<void> {
    for (const command of commands) {
      const answer = await this.#answer(command).catch(() => undefined)
      if (answer === undefined) client.destroy()
      else client.write(answer)
    }
  }

  async #answer([name = '', subcommand = '']: string[]): Promise<string> {
    if (name.toLowerCase() !== 'sentinel') return '+OK\r\n'
    if (subcommand.toLowerCase() !== 'get-master-addr-by-name') return '*0\r\n'
    return `*2\r\n${bulk('127.0.0.1')}${bulk(String(await this.#linkedMasterPort()))}`
  }
}
