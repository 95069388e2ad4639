import type { RequestHandler } from 'express'
import { endSpan } from '../platform/telemetry/span.js'
import type { Tracing } from '../platform/telemetry/tracing.js'
import { isProbe } from './probes.js'
import { requestIdOf } from './request-log.js'

/** Makes a span of each request, which goes on where the caller's trace does: its route, its answer, its id in the log. What probes ask has none. */
export const traceRequests =
  (tracing: Tracing): RequestHandler =>
  (request, response, next) => {
    if (isProbe(request.path)) return next()
    const { method } = request
    tracing.request(method, request.header('traceparent'), (span) => {
      response.on('close', () => {
        const path: unknown = request.route?.path
        const status = response.statusCode
        const attributes = {
          'http.request.method': method,
          'http.response.status_code': status,
          'heliograph.request_id': requestIdOf(response),
        }
        if (typeof path === 'string') span.updateName(`${method} ${path}`)
        endSpan(span, { attributes: { ...attributes, ...(typeof path === 'string' && { 'http.route': path }) }, failed: status >= 500 })
      })
      next()
    })
  }
