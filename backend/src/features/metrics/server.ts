import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Registry } from 'prom-client'
import type { Logger } from '../../platform/logger.js'
import { isPrivateAddress } from '../../platform/private-addresses.js'
import { answerMetrics } from './answer.js'

/** Who asks here asks directly: no proxy is trusted, so nobody who comes through one is let in. */
const isFromPrivateNetwork = ({ socket, headers }: IncomingMessage): boolean =>
  socket.remoteAddress !== undefined &&
  isPrivateAddress(socket.remoteAddress) &&
  headers['x-forwarded-for'] === undefined &&
  headers.forwarded === undefined

/** A port of this worker alone, where it answers `GET /metrics` for itself. */
export class MetricsServer {
  readonly #server: Server
  constructor({ registry, logger }: { readonly registry: Registry; readonly logger: Logger }) {
    this.#server = createServer((request, response) => {
      answer(registry, request, response).catch((error: unknown) => {
        logger.error({ err: error }, 'metrics could not be told')
        if (!response.headersSent) response.statusCode = 500
        response.end()
      })
    })
  }

  /** @returns the port that is listened on. @throws EADDRINUSE and the like */
  async listen(port: number, host: string): Promise<number> {
    this.#server.listen(port, host)
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }
}

const answer = async (registry: Registry, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const isAsked = (request.method === 'GET' || request.method === 'HEAD') && request.url?.split('?')[0] === '/metrics'
  if (isAsked && isFromPrivateNetwork(request)) return answerMetrics(registry, request, response)
  response.statusCode = 404
  response.end()
}
