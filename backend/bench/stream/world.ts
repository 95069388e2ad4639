import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Types } from 'mongoose'
import type { Closing } from '../../../dev/start/closing.js'
import { readConfig } from '../../src/config.js'
import { createContext } from '../../src/context.js'
import type { ConversationDocument } from '../../src/features/conversations/index.js'
import type { SessionDocument } from '../../src/features/sessions/index.js'
import type { UserDocument } from '../../src/features/users/index.js'
import { bringUpToDate } from '../../src/migrations/prepare.js'
import { createLogger } from '../../src/platform/logger.js'
import { withDatabase } from '../database.js'
import type { Bench } from './bench.js'
import { conversationIdOf, userIdOf } from './message.js'
import { membershipsOf, membersOf, type Population } from './population.js'

/** A stream to be: a session and the conversations of its user. */
export interface Session {
  readonly userId: string
  readonly sessionId: string
  readonly conversations: readonly number[]
}

export interface World {
  /** 15 hex digits, from which all ids are made. */
  readonly name: string
  readonly database: string
  readonly sessions: readonly Session[]
}

const insertedAtOnce = 1000
const hourMs = 3_600_000
const readyMs = 60_000

/** Puts people and their conversations into a database of their own, an hour old, with the product's indexes; dropped at the end. */
export const createWorld = async ({ mongoUrl, secret }: Bench, population: Population, closing: Closing): Promise<World> => {
  const name = randomBytes(8).toString('hex').slice(1)
  const database = `heliograph_bench_${name}`
  const config = readConfig({ MONGO_URI: withDatabase(mongoUrl, database), JWT_SECRET: secret })
  const context = createContext(config, createLogger('fatal'))
  const { mongo } = context
  mongo.start(() => bringUpToDate(context))
  closing.add(async () => {
    await mongo.connection.dropDatabase()
    await context.close()
  })
  await once(mongo, 'ready', { signal: AbortSignal.timeout(readyMs) })

  const stored = mongo.connection.getClient().db(database)
  const { users, sessionsEach, conversations } = population
  const createdAt = new Date(Date.now() - hourMs)
  const each = <D>(count: number, make: (n: number) => D): D[] => Array.from({ length: count }, (_, n) => make(n))
  const all = {
    users: each(users, (n) => aUser(name, n, createdAt)),
    sessions: each(users * sessionsEach, (n) => aSession(userIdOf(name, n % users), createdAt)),
    conversations: each(conversations, (n) => {
      const members = membersOf(population, n).map((user) => userIdOf(name, user))
      return aConversation(conversationIdOf(name, n), members, createdAt)
    }),
  }
  await inPieces(all.users, (some) => stored.collection<UserDocument>('users').insertMany(some))
  await inPieces(all.sessions, (some) => stored.collection<SessionDocument>('sessions').insertMany(some))
  await inPieces(all.conversations, (some) => stored.collection<ConversationDocument>('conversations').insertMany(some))

  const memberships = membershipsOf(population)
  const sessions = all.sessions.map(({ _id, userId }, n) => {
    return { userId: userId.toHexString(), sessionId: _id.toHexString(), conversations: memberships.get(n % users) ?? [] }
  })
  return { name, database, sessions }
}

const inPieces = async <D>(all: readonly D[], store: (some: D[]) => Promise<unknown>): Promise<void> => {
  for (let from = 0; from < all.length; from += insertedAtOnce) await store(all.slice(from, from + insertedAtOnce))
}

const aUser = (world: string, n: number, createdAt: Date): UserDocument => ({
  _id: userIdOf(world, n),
  phone: `+4915${String(n).padStart(8, '0')}`,
  name: `User ${n}`,
  nameFolded: `USER ${n}`,
  passwordHash: '', // nobody signs in: tokens are made by the benchmark
  createdAt,
  version: 1,
})

const aSession = (userId: Types.ObjectId, createdAt: Date): SessionDocument => ({
  _id: new Types.ObjectId(),
  userId,
  device: { name: 'bench' },
  familyHash: randomBytes(32).toString('base64url'),
  refreshHash: randomBytes(32).toString('base64url'),
  createdAt,
  lastSeenAt: createdAt,
  expiresAt: new Date(Date.now() + hourMs),
})

const aConversation = (_id: Types.ObjectId, userIds: readonly Types.ObjectId[], createdAt: Date): ConversationDocument => ({
  _id,
  type: 'group',
  name: 'bench',
  description: null,
  members: userIds.map((userId, n) => ({ userId, role: n === 0 ? 'owner' : 'member', joinedAt: createdAt, joinedSeq: 0 })),
  lastSeq: 0,
  lastMessageAt: createdAt,
  createdAt,
  version: 1,
})
