import {
  Audience,
  MemoryPresence,
  ownTypingMarks,
  PresenceService,
  RedisPresence,
  RedisTypingMarks,
  TypingService,
} from '../features/presence/index.js'
import type { Base } from './base.js'
import type { Conversations } from './conversations.js'
import type { ContextTiming } from './timing.js'
import type { Users } from './users.js'

export type Presence = ReturnType<typeof createPresence>

/** Who is there, and who types. */
export const createPresence = (
  { logger, hub, log, redis, keyspace, leases: { worker } }: Base,
  { shared, blocks, users }: Users,
  { memberships }: Conversations,
  { presence: presenceTimes, typing: typingTimes }: ContextTiming,
) => {
  const ofAll = redis && { redis: redis.commands, keyspace, worker }
  const presence = new PresenceService({
    store: ofAll ? new RedisPresence(ofAll) : new MemoryPresence(),
    audience: new Audience({ memberships, shared, blocks, users }),
    users,
    log,
    logger,
    ...(presenceTimes && { times: presenceTimes }),
  })
  hub.watch(presence)
  const typing = new TypingService({
    log,
    memberships,
    blocks,
    marks: ofAll ? new RedisTypingMarks(ofAll) : ownTypingMarks,
    ...(typingTimes && { times: typingTimes }),
  })
  return { presence, typing }
}
