import { createServer, IncomingMessage, type Server, ServerResponse } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { Server as NetServer } from 'node:net'
import type { Express } from 'express'
import { inTurn } from './in-turn.js'

const keepAliveMs = 5000
const handshakeMs = 10_000
/** For a request with its body: as long as the address of an upload is good. */
const requestMs = 15 * 60_000
/** Connections that wait to be taken: when a worker goes, all its streams come to the others at once. (Linux takes net.core.somaxconn where that is less.) */
const backlog = 4096

/**
 * Express sets the prototype of each request and response, which makes V8 forget what it knew of their shape. Here they are
 * born with the prototypes that Express is told to set, and setting them again does nothing.
 */
const bornForExpress = (app: Express) => {
  class BornRequest extends IncomingMessage {}
  class BornResponse extends ServerResponse {}
  Object.setPrototypeOf(BornRequest.prototype, app.request)
  Object.setPrototypeOf(BornResponse.prototype, app.response)
  Object.assign(app, { request: BornRequest.prototype, response: BornResponse.prototype })
  return { IncomingMessage: BornRequest, ServerResponse: BornResponse }
}

/** A certificate with its chain, and its key: PEM. */
interface Certificate {
  readonly cert: string
  readonly key: string
}

/** The HTTP server, and how it ends. With a certificate it speaks TLS. */
export class HttpServer {
  readonly #server: Server | TlsServer
  readonly #sockets = new Set<Socket>()
  #draining = false

  constructor(app: Express, certificate?: Certificate) {
    const options = { ...bornForExpress(app), keepAliveTimeout: keepAliveMs, requestTimeout: requestMs }
    const answer = inTurn((request, response) => {
      if (this.#draining) response.setHeader('Connection', 'close')
      app(request, response)
    })
    this.#server = certificate
      ? createTlsServer({ ...options, cert: certificate.cert, key: certificate.key, handshakeTimeout: handshakeMs }, answer)
      : createServer(options, answer)
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket)) // comes once; `once` would keep a wrapper with each connection
    })
  }

  /** @returns the port that is listened on. @throws EADDRINUSE and the like */
  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, backlog, () => {
        this.#server.off('error', reject)
        resolve((this.#server.address() as AddressInfo).port)
      })
    })
  }

  /** Another certificate, for who comes from now on; who is there is not interrupted. @throws where it cannot be used */
  use({ cert, key }: Certificate): void {
    if ('setSecureContext' in this.#server) this.#server.setSecureContext({ cert, key })
  }

  /**
   * Takes no new connection, answers what comes over the open ones with `Connection: close`, and waits until they are gone.
   * An idle connection is left to its keep-alive time: closing it could cut off a request that is on its way.
   * What is left at the deadline is cut.
   */
  async drain(deadlineMs: number): Promise<void> {
    this.#draining = true
    const closed = new Promise<void>((resolve) => {
      NetServer.prototype.close.call(this.#server, () => resolve()) // http's own close would cut idle connections at once
    })
    const cut = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy()
    }, deadlineMs)
    await closed
    clearTimeout(cut)
    this.#server.close()
    this.#server.closeAllConnections()
  }
}
