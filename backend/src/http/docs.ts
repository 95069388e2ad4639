import { apiReference } from '@scalar/express-api-reference'
import type { Express, RequestHandler } from 'express'
import { answerJson } from './answer.js'

/** Pinned: what the page loads does not change by itself. */
const script = 'https://cdn.jsdelivr.net/npm/@scalar/api-reference@1.72.1'

const policy: RequestHandler = (_request, response, next) => {
  response.setHeader(
    'Content-Security-Policy',
    "default-src 'self'; script-src 'unsafe-inline' https://cdn.jsdelivr.net; style-src 'unsafe-inline'; img-src 'self' data:; font-src https://fonts.scalar.com; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  )
  next()
}

/** A page to read and try the API, and the document that it is made from. @param before what runs before each */
export const mountDocs = (app: Express, document: object, before: RequestHandler): void => {
  app.get('/openapi.json', before, (request, response) => answerJson(request, response, 200, document))
  app.get('/docs', before, policy, apiReference({ url: '/openapi.json', cdn: script, pageTitle: 'Heliograph API' }))
}
