import { randomUUID } from 'node:crypto'
import type { RequestHandler, Response } from 'express'
import type { Logger } from '../platform/logger.js'
import { inRequest } from '../platform/request-scope.js'
import { isProbe } from './probes.js'

const usableId = /^[\w.:-]{1,64}$/
/** Who has an invite's code may come in. */
const secretInPath = /(\/invites\/)[^/]+/
const header = 'X-Request-Id'

/** The id of the request that this answers. */
export const requestIdOf = (response: Response): string => String(response.getHeader(header))

/**
 * Gives each request an id, the caller's X-Request-Id where it is usable, and logs a line when it was answered:
 * what was asked, what was answered, how long it took. Never a header, a query (it may hold a ticket) or a body.
 * With LOG_LEVEL=debug a request is followed: all lines that come of it have its id, and so has the one of each event's being published,
 * by whichever worker. Following costs each await of the process something, which is why it has to be asked for.
 */
export const requestLog = (logger: Logger): RequestHandler => {
  const lines = logger.child({}, { redact: [] }) // these lines hold nothing to hide; looking for it costs more than writing them
  const follows = logger.isLevelEnabled('debug')
  return (request, response, next) => {
    const given = request.headers['x-request-id']
    const requestId = typeof given === 'string' && usableId.test(given) ? given : randomUUID()
    response.setHeader(header, requestId)
    const { method } = request
    if (isProbe(request.path)) return next() // what probes find is told by other lines
    const path = request.path.replace(secretInPath, '$1…')
    const startedAt = performance.now()
    response.on('close', () => {
      const line = { requestId, method, path, status: response.statusCode, milliseconds: Math.round(performance.now() - startedAt) }
      if (response.writableFinished) lines.info(line, 'answered')
      else lines.info(line, 'cut off')
    })
    if (follows) inRequest(requestId, next)
    else next()
  }
}
