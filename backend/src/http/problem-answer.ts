import type { ErrorRequestHandler } from 'express'
import type { Logger } from '../platform/logger.js'
import { isUnavailable } from '../platform/mongo.js'
import type { ErrorReports } from '../platform/telemetry/error-reports.js'
import { Problem } from './problem.js'
import { requestIdOf } from './request-log.js'

/** What body-parser says of a body that it could not read. */
const bodyProblems: Record<string, () => Problem> = {
  'entity.parse.failed': () => new Problem('validation_failed', 'The body is not valid JSON'),
  'entity.too.large': () => new Problem('payload_too_large', 'A JSON body has at most 256 KB'),
  'encoding.unsupported': () => new Problem('unsupported_media_type', 'Content-Encoding is not supported'),
  'charset.unsupported': () => new Problem('unsupported_media_type', 'The charset must be utf-8'),
  'request.size.invalid': () => new Problem('validation_failed', 'Content-Length is not the length of the body'),
  'request.aborted': () => new Problem('validation_failed', 'The body ended early'),
}

/** Any thrown thing as a problem: what the client may know of it, the rest as its cause. */
const toProblem = (error: unknown): Problem => {
  if (error instanceof Problem) return error
  if (isUnavailable(error)) return new Problem('service_unavailable', undefined, { cause: error })
  if (error instanceof URIError) return new Problem('validation_failed', 'The path is not valid')
  const type = error instanceof Error && 'type' in error ? String(error.type) : ''
  return bodyProblems[type]?.() ?? new Problem('internal_error', undefined, { cause: error })
}

/** The one place where errors become answers. @param errors told of what nobody expected */
export const answerProblems =
  (logger: Logger, errors?: Pick<ErrorReports, 'report'>): ErrorRequestHandler =>
  (error, request, response, next) => {
    const problem = toProblem(error)
    const requestId = requestIdOf(response)
    if (problem.status >= 500) logger.error({ err: problem.cause ?? problem, code: problem.code, requestId }, 'a request failed')
    if (problem.code === 'internal_error') {
      const { method, headers } = request
      const path: unknown = request.route?.path
      errors?.report(problem.cause ?? problem, { requestId, method, route: typeof path === 'string' ? path : 'other', headers })
    }
    if (response.headersSent) return next(error)
    if (problem.retryAfterSeconds !== undefined) response.setHeader('Retry-After', String(problem.retryAfterSeconds))
    if (problem.status === 401) response.setHeader('WWW-Authenticate', 'Bearer')
    response
      .status(problem.status)
      .type('application/problem+json')
      .send(
        JSON.stringify({
          type: `urn:heliograph:problem:${problem.code}`,
          title: problem.title,
          status: problem.status,
          detail: problem.detail ?? problem.title,
          code: problem.code,
          requestId,
          ...(problem.errors === undefined ? {} : { errors: problem.errors }),
        }),
      )
  }
