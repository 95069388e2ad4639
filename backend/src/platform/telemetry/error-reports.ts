import { dedupeIntegration, defaultStackParser, linkedErrorsIntegration, makeNodeTransport, NodeClient, Scope } from '@sentry/node'
import { scrubbed } from './scrub.js'

export interface ErrorReportSettings {
  readonly dsn: string
  readonly environment: string
  readonly release: string
  readonly worker: string
}

/** In which request an error came up. */
export interface FailedRequest {
  readonly requestId: string
  readonly method: string
  /** As it was declared: a path may hold a secret. */
  readonly route: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

const flushDeadlineMs = 2000

/** Tells Sentry of errors that nobody expected. A client of its own: nothing global is touched, no module is changed, nothing is gathered by itself. */
export class ErrorReports {
  readonly #client: NodeClient
  readonly #worker: string
  constructor({ dsn, environment, release, worker }: ErrorReportSettings) {
    this.#worker = worker
    this.#client = new NodeClient({
      dsn,
      environment,
      release,
      transport: makeNodeTransport,
      stackParser: defaultStackParser,
      integrations: [linkedErrorsIntegration(), dedupeIntegration()],
      sendDefaultPii: false,
      beforeSend: scrubbed,
    })
    this.#client.init()
  }

  report(error: unknown, request?: FailedRequest): void {
    const scope = new Scope()
    scope.setClient(this.#client)
    scope.setTag('worker', this.#worker)
    if (request) {
      const { requestId, method, route, headers } = request
      scope.setTag('request_id', requestId)
      scope.setTransactionName(`${method} ${route}`)
      scope.addEventProcessor((event) => ({ ...event, request: { method, url: route, headers: textOf(headers) } }))
    }
    scope.captureException(error)
  }

  /** Sends what is left, for 2 s at most. */
  async close(): Promise<void> {
    await this.#client.close(flushDeadlineMs)
  }
}

const textOf = (headers: FailedRequest['headers']): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])))
