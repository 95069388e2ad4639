import { apiReference } from '@scalar/express-api-reference'
import type { Express, RequestHandler } from 'express'

/** Pinned: what the page loads does not change by itself. */
const script = 'https://cdn.jsdelivr.net/npm/@scalar/api-reference@1.72.1'

const policy: RequestHandler = (_request, response, next) => {
  response.setHeader(
    'Content-Security-Policy',
    "default-src 'self'; script-src 'unsafe-inline' https://cdn.jsdelivr.net; style-src 'unsafe-inline'; img-src 'self' data:; font-src https://fonts.scalar.com",
  )
  next()
}

/** A page to read and try the API, from its own document. For development. */
export const mountDocs = (app: Express): void => {
  app.get('/docs', policy, apiReference({ url: '/openapi.json', cdn: script, pageTitle: 'Heliograph API' }))
}
