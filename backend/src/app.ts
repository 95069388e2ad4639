import cors from 'cors'
import express, { type Express } from 'express'
import helmet from 'helmet'
import type { Context } from './context.js'
import { answerJson } from './http/answer.js'
import { mountDocs } from './http/docs.js'
import { mount } from './http/mount.js'
import { Problem } from './http/problem.js'
import { answerProblems } from './http/problem-answer.js'
import { requestLog } from './http/request-log.js'
import { requireDatabase } from './http/require-database.js'
import { openApiDocument } from './openapi.js'
import { routes } from './routes.js'

const exposedHeaders = [
  'X-Request-Id',
  'RateLimit',
  'RateLimit-Policy',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
  'Retry-After',
]
const allowedHeaders = ['Authorization', 'Content-Type', 'Idempotency-Key', 'Last-Event-ID', 'X-QR-Verifier', 'X-CSRF-Token']

/** The order of the middleware; nothing else. */
export const createApp = (context: Context): Express => {
  const { environment, server } = context.config
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', 'simple')
  app.set('trust proxy', server.trustProxy)

  app.use(requestLog(context.logger))
  app.use(helmet())
  app.use(cors({ origin: [...server.corsOrigins], credentials: true, exposedHeaders, allowedHeaders }))

  const document = openApiDocument(server)
  app.get('/openapi.json', (request, response) => answerJson(request, response, 200, document))
  if (environment !== 'production') mountDocs(app)
  app.use('/sse', requireDatabase(context.mongo)) // until its generation is known, no position can be judged
  mount(app, '', routes[''], context)
  app.use('/api/v1', requireDatabase(context.mongo))
  mount(app, '/api/v1', routes['/api/v1'], context)

  app.use(async (request, response) => {
    await context.limits.count('anonymous', request, response, undefined)
    throw new Problem('not_found', 'There is nothing at this path')
  })
  app.use(answerProblems(context.logger))
  return app
}
