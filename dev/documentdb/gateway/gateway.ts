import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { dispatch } from './dispatch.js'
import { type Engine, makeEngine, replicaSet } from './engine.js'
import { frameReply, parseRequest, readMessages } from './wire.js'

const host = '127.0.0.1'
const sweepMs = 500

/** Waits until the socket takes more, or takes nothing any more. */
const drained = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done)
      socket.off('close', done)
      resolve()
    }
    socket.on('drain', done)
    socket.on('close', done)
  })

/** Speaks MongoDB's wire protocol on 127.0.0.1, without authentication, and lets the DocumentDB extension answer. */
export class Gateway {
  readonly #engine: Engine
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #sweep: NodeJS.Timeout | undefined

  constructor(socketFolder: string) {
    this.#engine = makeEngine(socketFolder)
    this.#server = createServer((socket) => void this.#serve(socket))
  }

  /** Listens on a free port. @returns its URL for drivers */
  async listen(): Promise<string> {
    this.#server.listen(0, host)
    await once(this.#server, 'listening')
    const address = this.#server.address()
    if (typeof address !== 'object' || !address) throw new Error('the gateway has no port')
    this.#engine.address = `${host}:${address.port}`
    this.#sweep = setInterval(() => void this.#keepHouse().catch(() => {}), sweepMs)
    return `mongodb://${this.#engine.address}/?replicaSet=${replicaSet}`
  }

  /** Commands of one connection run one after the other; a client that does not read is not read from either. */
  async #serve(socket: Socket): Promise<void> {
    this.#sockets.add(socket)
    this.#engine.connections = this.#sockets.size
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy())
    try {
      for await (const message of readMessages(socket)) {
        const request = parseRequest(message)
        const reply = await dispatch(this.#engine, request.body, request.sequence)
        if (socket.destroyed) break
        if (request.wantsReply && !socket.write(frameReply(request, reply))) await drained(socket)
      }
    } catch (error) {
      if (error instanceof RangeError) console.error(`a connection was closed: ${error.message}`)
    } finally {
      socket.destroy()
      this.#sockets.delete(socket)
      this.#engine.connections = this.#sockets.size
    }
  }

  async #keepHouse(): Promise<void> {
    const { database, cursors, transactions } = this.#engine
    cursors.dropOverdue()
    await transactions.endOverdue()
    if (!database.up) await database.query({ name: 'ping', text: 'SELECT 1', values: [] }) // it may be back
  }

  async close(): Promise<void> {
    clearInterval(this.#sweep)
    const closed = this.#server.listening ? once(this.#server, 'close') : undefined
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
    await this.#engine.transactions.close()
    await this.#engine.database.close()
  }
}
