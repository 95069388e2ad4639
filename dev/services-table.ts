import type { Running } from './services/service.js'
import { withoutCredentials } from './services/without-credentials.js'
import { table } from './table.js'

/** What a run uses, a line each: service, what was found or started, where. */
export const servicesTable = (
  { mongoDb, redis, s3 }: { mongoDb: Running; redis: Running | undefined; s3?: Running | undefined },
  data: { kept: boolean; folder: string },
): string =>
  table([
    ['service', 'what', 'where'],
    ['MongoDB', mongoDb.description, withoutCredentials(mongoDb.url)],
    redis === undefined
      ? ['Redis', 'none: one process, events in memory', '-']
      : ['Redis', redis.description, withoutCredentials(redis.url)],
    ...(s3 === undefined ? [] : [['S3', s3.description, withoutCredentials(s3.url)]]),
    ['data', data.kept ? 'kept' : 'removed at the end', data.folder],
  ])
