import { MemoryTickets, RedisTickets, StreamService } from '../features/streams/index.js'
import { Moments, SyncService } from '../features/sync/index.js'
import { countVerdicts } from '../realtime/stream-metrics.js'
import { Sweeper } from '../realtime/sweeper.js'
import type { Base } from './base.js'
import type { Conversations } from './conversations.js'
import type { Jobs } from './jobs.js'
import type { Messaging } from './messaging.js'
import type { Sessions } from './sessions.js'
import type { ContextTiming } from './timing.js'
import type { UploadUsesContext } from './uploads.js'
import type { Users } from './users.js'

export type Streams = ReturnType<typeof createStreams>

/** How clients hear of what happens, and of what they missed. */
export const createStreams = (
  { config, logger, registry, models, hub, log, redis, keyspace, outbox, leases }: Base,
  { userOutbox, blockOutbox }: Users,
  { sessions, sessionOutbox, apiKeyOutbox }: Sessions,
  { memberships, conversationOutbox }: Conversations,
  { messageOutbox, receiptOutbox }: Messaging,
  { jobOutbox }: Jobs,
  { uploadOutbox }: UploadUsesContext,
  { sync: margins }: ContextTiming,
) => {
  /** What `GET /sync` tells of. */
  const sources = [conversationOutbox, messageOutbox, sessionOutbox, receiptOutbox, apiKeyOutbox]
  const allSources = [...sources, userOutbox, blockOutbox, jobOutbox, uploadOutbox]
  return {
    sources,
    allSources,
    sweeper: new Sweeper({ outbox, leases, sources: allSources, logger }),
    streams: new StreamService({ hub, log, limits: config.eventLog, memberships, sessions, onOpened: countVerdicts(registry) }),
    tickets: redis ? new RedisTickets(redis.commands, keyspace) : new MemoryTickets(),
    sync: new SyncService({ conversations: models.conversations, moments: new Moments({ leases, sources, ...margins }) }),
  }
}
