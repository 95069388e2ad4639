import type { Express } from 'express'
import type { Config } from './config.js'
import { RedirectServer } from './http/redirect-server.js'
import { HttpServer } from './http/server.js'
import { CertificateFiles } from './platform/certificate-files.js'
import type { Logger } from './platform/logger.js'

interface Options {
  readonly config: Config
  readonly logger: Logger
  /** How often the certificate is looked at. */
  readonly lookEveryMs?: number | undefined
}

/** A server that is listened on. */
export interface Listening {
  readonly port: number
  /** Undefined where nobody is redirected. */
  readonly redirectPort: number | undefined
  /** See `HttpServer.drain`. */
  drain(deadlineMs: number): Promise<void>
}

/** Serves an app, over TLS where a certificate is configured. @throws EADDRINUSE and the like */
export const listen = async (app: Express, { config, logger, lookEveryMs }: Options): Promise<Listening> => {
  const { host, port } = config.server
  if (config.tls === undefined) {
    const server = new HttpServer(app)
    return { port: await server.listen(port, host), redirectPort: undefined, drain: (deadlineMs) => server.drain(deadlineMs) }
  }
  const { paths, redirect } = config.tls
  const files = new CertificateFiles({ paths, logger, lookEveryMs, use: (certificate) => server.use(certificate) })
  const server: HttpServer = new HttpServer(app, files.first)
  const listened = await server.listen(port, host)
  const redirecting = redirect && new RedirectServer({ ...redirect, port: listened })
  return {
    port: listened,
    redirectPort: redirect && (await redirecting?.listen(redirect.port, host)),
    async drain(deadlineMs) {
      files.stop()
      await Promise.all([server.drain(deadlineMs), redirecting?.close()])
    },
  }
}
