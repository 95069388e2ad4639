import type { Request, Response } from 'express'

/** What Node and Express hang onto a request. Set, not deleted: V8 makes a table of an object that something is deleted from. */
const nothing = {
  headers: {},
  rawHeaders: [],
  _parsedUrl: undefined,
  next: undefined,
  rateLimit: undefined,
  res: undefined,
}

/**
 * A stream's request and response live for hours, and with them all that the request brought along: a good part of what an idle stream costs.
 * To be called once the response has begun; nothing is asked of the request any more but its route, which all requests share.
 */
export const letGo = (request: Request, response: Response): void => {
  Object.assign(request, nothing)
  response.locals = {}
}
