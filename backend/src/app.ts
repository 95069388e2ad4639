import express, { type Express, type RequestHandler } from 'express'
import type { Context } from './context.js'
import { mountMetrics } from './features/metrics/index.js'
import { mountQrDemo, mountQrPage } from './features/qr-login/index.js'
import { allowedHosts } from './http/allowed-hosts.js'
import { crossOrigin } from './http/cross-origin.js'
import { mountDocs } from './http/docs.js'
import { mount } from './http/mount.js'
import { Problem } from './http/problem.js'
import { answerProblems } from './http/problem-answer.js'
import { requestLog } from './http/request-log.js'
import { declaredRoutes, requestMetrics } from './http/request-metrics.js'
import { requireDatabase } from './http/require-database.js'
import { securityHeaders } from './http/security-headers.js'
import { traceRequests } from './http/trace-requests.js'
import { openApiDocument } from './openapi.js'
import { routes } from './routes.js'

/** The order of the middleware; nothing else. */
export const createApp = (context: Context): Express => {
  const { environment, server } = context.config
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', 'simple')
  app.set('trust proxy', server.trustProxy)

  app.use(requestLog(context.logger))
  if (context.telemetry.tracing) app.use(traceRequests(context.telemetry.tracing))
  app.use(requestMetrics(context.registry, declaredRoutes(routes), context.metrics.onAnswered))
  app.use(securityHeaders(server.publicUrl))
  app.use(crossOrigin(server.corsOrigins))
  app.use(allowedHosts(server.allowedHosts))

  if (server.docs) mountDocs(app, openApiDocument(server), countStranger(context))
  if (context.config.metrics.beside) mountMetrics(app, context)
  mountQrPage(app, context.config, countStranger(context))
  if (environment === 'development') mountQrDemo(app, context.config)
  app.use('/sse', requireDatabase(context.mongo)) // until its generation is known, no position can be judged
  mount(app, '', routes[''], context)
  app.use('/api/v1', requireDatabase(context.mongo))
  mount(app, '/api/v1', routes['/api/v1'], context)

  app.use(countStranger(context), () => {
    throw new Problem('not_found', 'There is nothing at this path')
  })
  app.use(answerProblems(context.logger, context.telemetry.errors))
  return app
}

const countStranger =
  ({ limits }: Context): RequestHandler =>
  async (request, response, next) => {
    await limits.count('anonymous', request, response, undefined)
    next()
  }
