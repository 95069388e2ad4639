import type { RequestHandler } from 'express'
import type { Mongo } from '../platform/mongo.js'
import { Problem } from './problem.js'

/** Refuses at once while there is no database, instead of letting each request wait for one. */
export const requireDatabase =
  (mongo: Mongo): RequestHandler =>
  (_request, _response, next) =>
    next(mongo.ready ? undefined : new Problem('service_unavailable', 'The database cannot be reached'))
