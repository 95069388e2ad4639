import cors from 'cors'
import type { RequestHandler } from 'express'

const exposedHeaders = [
  'X-Request-Id',
  'RateLimit',
  'RateLimit-Policy',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
  'Retry-After',
  'ETag', // of a part of an upload, which has to be named in the end
]
const allowedHeaders = ['Authorization', 'Content-Type', 'Idempotency-Key', 'Last-Event-ID', 'X-QR-Verifier', 'X-CSRF-Token']
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']
/** Before a browser asks again what it may send. */
const preflightSeconds = 600

/** Lets the pages of these origins, and no others, read answers and send what the contract names, cookies too. */
export const crossOrigin = (origins: readonly string[]): RequestHandler =>
  cors({ origin: [...origins], credentials: true, methods, exposedHeaders, allowedHeaders, maxAge: preflightSeconds })
