import compression from 'compression'
import type { Request, Response } from 'express'
import { run } from './limits.js'

/** Shorter answers fit into a packet as they are. */
const leastBytes = 1024
const compress = compression({ threshold: leastBytes })

/** Answers JSON, compressed where it is long and the client takes that. Streams do not come this way, and are never compressed. */
export const answerJson = async (request: Request, response: Response, status: number, body: unknown): Promise<void> => {
  const text = JSON.stringify(body)
  const bytes = Buffer.byteLength(text)
  if (bytes >= leastBytes) await run(compress, request, response)
  response.statusCode = status
  response.setHeader('Content-Type', 'application/json; charset=utf-8')
  response.setHeader('Content-Length', bytes)
  response.end(text)
}
