import type { Config } from './config.js'
import { AccountService, Passwords } from './features/accounts/index.js'
import {
  Activity,
  type ConversationDocument,
  ConversationService,
  conversationSchema,
  Memberships,
} from './features/conversations/index.js'
import { CommitLane, Heads, type MessageDocument, MessageService, messageCreated, messageSchema } from './features/messages/index.js'
import { OperationsService } from './features/operations/index.js'
import { type SessionDocument, SessionService, sessionSchema } from './features/sessions/index.js'
import { StreamService } from './features/streams/index.js'
import { type UserDocument, UserService, userSchema } from './features/users/index.js'
import { Limits } from './http/limits.js'
import { AccessTokens } from './platform/access-tokens.js'
import { createIndexes, requireIndexes } from './platform/indexes.js'
import { Keyspace } from './platform/keyspace.js'
import type { Logger } from './platform/logger.js'
import { Mongo } from './platform/mongo.js'
import { RedisClients } from './platform/redis.js'
import { Events } from './realtime/events.js'
import { Hub } from './realtime/hub.js'
import { MemoryBus } from './realtime/memory-bus.js'
import { RedisBus } from './realtime/redis-bus.js'

export type Context = ReturnType<typeof createContext>

/** Constructs every client and service, and connects nothing: `start` does, `close` ends it. */
export const createContext = (config: Config, logger: Logger) => {
  const mongo = new Mongo(config.mongo, logger)
  const { connection } = mongo
  const userModel = connection.model<UserDocument>('User', userSchema)
  const sessionModel = connection.model<SessionDocument>('Session', sessionSchema)
  const conversationModel = connection.model<ConversationDocument>('Conversation', conversationSchema)
  const messageModel = connection.model<MessageDocument>('Message', messageSchema)
  const models = [userModel, sessionModel, conversationModel, messageModel]

  const redis = config.redis && new RedisClients(config.redis, logger)
  const keyspace = new Keyspace(() => mongo.generation)
  const bus = redis ? new RedisBus({ redis, keyspace, logger }) : new MemoryBus()
  const hub = new Hub(bus)
  const events = new Events(bus, logger)

  const accessTokens = new AccessTokens(config.tokens)
  const users = new UserService({ users: userModel })
  const sessions = new SessionService({ sessions: sessionModel, accessTokens, refreshTtlSeconds: config.tokens.refreshTtlSeconds })
  const accounts = new AccountService({ users, sessions, passwords: new Passwords(config.pepper) })
  const memberships = new Memberships({ conversations: conversationModel })
  const conversations = new ConversationService({ conversations: conversationModel, users, events })

  const activity = new Activity({ connection, logger })
  const storedMessages = () => connection.getClient().db(connection.name).collection<MessageDocument>('messages')
  const lane = new CommitLane({
    messages: storedMessages,
    heads: new Heads({ messages: storedMessages, keyspace, redis: redis?.commands }),
    onStored(stored) {
      void events.announce(stored.map(messageCreated))
      for (const { conversationId, seq, createdAt } of stored) activity.note({ conversationId, seq, at: createdAt })
    },
  })
  const messages = new MessageService({ messages: messageModel, memberships, lane })
  const streams = new StreamService({ hub, memberships, generation: () => mongo.generation })
  const operations = new OperationsService({ mongo, redis, hub, version: config.server.version, worker: config.server.worker })

  return {
    config,
    logger,
    mongo,
    models,
    hub,
    limits: new Limits(config.limits),
    accessTokens,
    accounts,
    sessions,
    users,
    conversations,
    messages,
    streams,
    operations,

    /** True when there is no Redis, or both connections to it stand. */
    redisReady: (): boolean => redis?.ready ?? true,

    /** Connects in the background. Production makes no index by itself: it waits until `npm run migrate` has. */
    start(): void {
      redis?.start()
      mongo.start(() => (config.environment === 'production' ? requireIndexes(models) : createIndexes(models)))
    },

    /** Lets what was begun come to its end, then closes the connections. */
    async close(): Promise<void> {
      await lane.settled()
      await activity.settled()
      redis?.close()
      await mongo.close()
    },
  }
}
