import type { Running } from './services/service.js'
import { withoutCredentials } from './services/without-credentials.js'
import { table } from './table.js'

/** What a run uses, a line each: service, what was found or started, where. */
export const servicesTable = (mongoDb: Running, redis: Running | undefined, data: { kept: boolean; folder: string }): string =>
  table([
    ['service', 'what', 'where'],
    ['MongoDB', mongoDb.description, withoutCredentials(mongoDb.url)],
    redis === undefined
      ? ['Redis', 'none: one process, events in memory', '-']
      : ['Redis', redis.description, withoutCredentials(redis.url)],
    ['data', data.kept ? 'kept' : 'removed at the end', data.folder],
  ])
