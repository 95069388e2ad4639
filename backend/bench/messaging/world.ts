import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { Types } from 'mongoose'
import type { Closing } from '../../../dev/start/closing.js'
import { readConfig } from '../../src/config.js'
import { createContext } from '../../src/context.js'
import type { ConversationDocument } from '../../src/features/conversations/index.js'
import type { MessageDocument } from '../../src/features/messages/index.js'
import type { ReceiptDocument } from '../../src/features/receipts/index.js'
import type { UserDocument } from '../../src/features/users/index.js'
import { bringUpToDate } from '../../src/migrations/prepare.js'
import { createLogger } from '../../src/platform/logger.js'
import { withDatabase } from '../database.js'

const conversations = 500
/** Of them, those of two; the others are groups of eight. */
const direct = 100
const membersOfGroup = 8
const messagesEach = 20
/** Of them, unread by the one who is in all. */
const unread = 5
export const longOnes = 100_000

const insertedAtOnce = 2000
const readyMs = 60_000
const begunAt = Date.now() - 86_400_000

interface Talk {
  readonly id: string
  /** The one who is in all first. */
  readonly memberIds: readonly string[]
}

export interface World {
  readonly database: string
  readonly version: string
  readonly viewerId: string
  readonly talks: readonly Talk[]
  /** One more, that is long. */
  readonly long: Talk
  /** In how many conversations seq is not 1, 2, 3 ... N. */
  readonly countBroken: () => Promise<number>
}

/** A person who is in 500 conversations, and those whom they talk with; in a database of its own, dropped at the end. */
export const createWorld = async (mongoUrl: string, secret: string, closing: Closing): Promise<World> => {
  const database = `heliograph_bench_${randomBytes(5).toString('hex')}`
  const context = createContext(readConfig({ MONGO_URI: withDatabase(mongoUrl, database), JWT_SECRET: secret }), createLogger('fatal'))
  const { mongo } = context
  mongo.start(() => bringUpToDate(context))
  closing.add(async () => {
    await mongo.connection.dropDatabase()
    await mongo.close()
  })
  await once(mongo, 'ready', { signal: AbortSignal.timeout(readyMs) })
  const stored = mongo.connection.getClient().db(database)
  const insert = async (name: string, count: number, make: (n: number) => object): Promise<void> => {
    for (let from = 0; from < count; from += insertedAtOnce) {
      const some = Array.from({ length: Math.min(insertedAtOnce, count - from) }, (_, n) => make(from + n))
      await stored.collection(name).insertMany(some)
    }
  }

  const users = Array.from({ length: conversations + membersOfGroup }, () => new Types.ObjectId())
  const [viewer = new Types.ObjectId(), ...others] = users
  const membersOf = (n: number): Types.ObjectId[] => {
    const count = n < direct ? 1 : membersOfGroup - 1
    return [viewer, ...Array.from({ length: count }, (_, m) => others[(n + m * 7) % others.length] ?? viewer)]
  }
  const groups = Array.from({ length: conversations }, (_, n) => ({
    _id: new Types.ObjectId(),
    members: membersOf(n),
    lastSeq: messagesEach,
  }))
  const long = { _id: new Types.ObjectId(), members: membersOf(direct), lastSeq: longOnes }
  const talks = [...groups, long]

  await insert('users', users.length, (n) => aUser(users[n] ?? viewer, n))
  await insert('conversations', talks.length, (n) => aConversation(talks[n] ?? long, n))
  const receipts = talks.flatMap(({ _id, members, lastSeq }) =>
    members.map((userId, m) => aReceipt(_id, userId, lastSeq - (m === 0 ? unread : 0))),
  )
  await insert('receipts', receipts.length, (n) => receipts[n] ?? {})
  await insert('messages', conversations * messagesEach, (n) =>
    aMessage(groups[Math.floor(n / messagesEach)] ?? long, 1 + (n % messagesEach)),
  )
  await insert('messages', longOnes, (n) => aMessage(long, n + 1))
  const { version } = await stored.command({ buildInfo: 1 })

  const seen = ({ _id, members }: (typeof talks)[number]): Talk => ({
    id: _id.toHexString(),
    memberIds: members.map((id) => id.toHexString()),
  })
  return {
    database,
    version: String(version),
    viewerId: viewer.toHexString(),
    talks: groups.map(seen),
    long: seen(long),
    async countBroken() {
      const ends = { $group: { _id: '$conversationId', count: { $sum: 1 }, last: { $max: '$seq' } } }
      const found = await stored.collection('messages').aggregate([ends]).toArray()
      return found.filter(({ count, last }) => count !== last).length
    },
  }
}

interface Begun {
  readonly _id: Types.ObjectId
  readonly members: readonly Types.ObjectId[]
  readonly lastSeq: number
}

const aUser = (_id: Types.ObjectId, n: number): UserDocument => ({
  _id,
  phone: `+4915${String(n).padStart(8, '0')}`,
  name: `User ${n}`,
  nameFolded: `USER ${n}`,
  passwordHash: '', // nobody signs in: tokens are made by the benchmark
  createdAt: new Date(begunAt),
  version: 1,
})

const aConversation = ({ _id, members, lastSeq }: Begun, n: number): ConversationDocument => {
  const type = members.length === 2 ? 'direct' : 'group'
  const createdAt = new Date(begunAt)
  return {
    _id,
    type,
    name: type === 'group' ? `Group ${n}` : null,
    description: null,
    ...(type === 'direct' && {
      directKey: members
        .map((id) => id.toHexString())
        .toSorted()
        .join(':'),
    }),
    members: members.map((userId, m) => ({
      userId,
      role: type === 'group' && m === 0 ? 'owner' : 'member',
      joinedAt: createdAt,
      joinedSeq: 0,
    })),
    lastSeq,
    lastMessageAt: new Date(begunAt + n * 1000),
    createdAt,
    changedAt: createdAt,
    version: 1,
  }
}

const aReceipt = (conversationId: Types.ObjectId, userId: Types.ObjectId, seq: number): ReceiptDocument => {
  const steps = [{ seq, at: new Date(begunAt) }]
  return { _id: new Types.ObjectId(), conversationId, userId, deliveredSeq: seq, readSeq: seq, deliveredSteps: steps, readSteps: steps }
}

const text = 'They have seen us, and will answer before the sun is down. What shall we say to them then?'

/** Each tenth mentions the one who is in all, and is a reply to what they said last. */
const aMessage = ({ _id, members }: Begun, seq: number): MessageDocument => {
  const at = new Date(begunAt + seq * 100)
  const [viewer = _id] = members
  return {
    _id: new Types.ObjectId(),
    conversationId: _id,
    seq,
    senderId: members[seq % members.length] ?? viewer,
    clientId: randomUUID(),
    contentHash: '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU',
    type: 'user',
    text,
    ...(seq % 10 === 8 && { mentions: [{ userId: viewer, offset: 0, length: 4 }] }),
    version: 1,
    createdAt: at,
    changedAt: at,
  }
}
