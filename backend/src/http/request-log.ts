import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type HttpLogger, pinoHttp } from 'pino-http'
import type { Logger } from '../platform/logger.js'

const usableId = /^[\w.:-]{1,64}$/

/** The caller's X-Request-Id where it is usable, else a new one; told in every answer. */
const requestId = (request: IncomingMessage, response: ServerResponse): string => {
  const given = request.headers['x-request-id']
  const id = typeof given === 'string' && usableId.test(given) ? given : randomUUID()
  response.setHeader('X-Request-Id', id)
  return id
}

/** The path alone: a query may hold a ticket or a verifier. */
const pathOf = (url: string | undefined): string => (url ?? '').split('?', 1)[0] ?? ''

/** Probes ask every few seconds, and what they find is told by other lines. */
const isProbe = (url: string | undefined): boolean => /^\/(health|ready)/.test(url ?? '')

/** A line a request: what was asked, what was answered, how long it took. Never a header, a query or a body. */
export const requestLog = (logger: Logger): HttpLogger =>
  pinoHttp({
    logger,
    genReqId: requestId,
    autoLogging: { ignore: (request) => isProbe(request.url) },
    customLogLevel: (_request, response, error) => (error || response.statusCode >= 500 ? 'error' : 'info'),
    customErrorObject: (_request, _response, _error, line: { err?: unknown }) => ({ ...line, err: undefined }), // the problem handler has told it
    customAttributeKeys: { responseTime: 'milliseconds' },
    serializers: {
      req: (request: { id: unknown; method: string; url?: string }) => ({
        id: request.id,
        method: request.method,
        path: pathOf(request.url),
      }),
      res: (response: { statusCode: number }) => ({ status: response.statusCode }),
    },
  })
