import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { challengeAnswer, isChallenge } from './challenge-files.js'

const requestMs = 10_000
const hostForm = /^(?<name>\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::\d*)?$/i
const tlsPort = 443

interface Target {
  /** Where clients reach the API; the host that a request was for, where it is unset. */
  readonly publicUrl: string | undefined
  /** Where TLS is spoken. */
  readonly port: number
  /** Where certbot puts what proves that the name is ours; undefined where it does so elsewhere. */
  readonly challengeFolder: string | undefined
}

const originFor = (host: string | undefined, { publicUrl, port }: Target): string | undefined => {
  if (publicUrl !== undefined) return new URL(publicUrl).origin
  const name = hostForm.exec(host ?? '')?.groups?.['name']
  return name && `https://${name}${port === tlsPort ? '' : `:${port}`}`
}

/** A request's path with its query, whichever way it was asked for. */
const pathOf = (url: string): string => {
  if (url.startsWith('/')) return url
  if (!URL.canParse(url)) return '/' // OPTIONS *
  const { pathname, search } = new URL(url)
  return pathname + search
}

/** Sends who comes in the clear to where TLS is spoken. What a certificate authority asks is answered; nothing else is served. */
export class RedirectServer {
  readonly #target: Target
  readonly #server: Server

  constructor(target: Target) {
    this.#target = target
    const times = { requestTimeout: requestMs, headersTimeout: requestMs, connectionsCheckingInterval: requestMs / 2 }
    this.#server = createServer(times, (request, response) => void this.#answer(request, response))
  }

  /** @returns the port that is listened on. @throws EADDRINUSE and the like */
  async listen(port: number, host: string): Promise<number> {
    this.#server.listen(port, host)
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    this.#server.closeAllConnections() // none waits for an answer
    await closed
  }

  async #answer({ headers, url = '/' }: IncomingMessage, response: ServerResponse): Promise<void> {
    const shared = { 'Cache-Control': 'no-store', Connection: 'close' }
    const { challengeFolder } = this.#target
    const path = pathOf(url)
    if (challengeFolder !== undefined && isChallenge(path)) {
      const answer = await challengeAnswer(challengeFolder, path)
      response.writeHead(answer === undefined ? 404 : 200, { ...shared, 'Content-Type': 'text/plain' }).end(answer)
      return
    }
    const origin = originFor(headers.host, this.#target)
    if (origin === undefined) response.writeHead(400, shared)
    else response.writeHead(308, { ...shared, Location: origin + path })
    response.end()
  }
}
