import { setTimeout as sleep } from 'node:timers/promises'
import { mongo } from 'mongoose'
import { CommitLane, type Draft } from '../../src/features/messages/commit-lane.js'
import { Heads } from '../../src/features/messages/heads.js'
import type { MessageDocument } from '../../src/features/messages/model.js'
import { Keyspace } from '../../src/platform/keyspace.js'
import type { RedisClients } from '../../src/platform/redis.js'

type Messages = mongo.Collection<MessageDocument>
/** Resolves when the message is stored. */
export type Commit = (draft: Draft) => Promise<unknown>

/** Ours, as the server has it; nobody is told of what was stored. */
export const byLane = (messages: Messages, redis: RedisClients): Commit => {
  const keyspace = new Keyspace(() => messages.dbName)
  const heads = new Heads({ messages: () => messages, keyspace, redis: redis.commands })
  const lane = new CommitLane({ messages: () => messages, heads, onStored: () => undefined })
  return (draft) => lane.commit(draft)
}

const pauseMs = { first: 5, most: 1000 }

/**
 * The plain way: read the head, insert the next one; where another was faster, again after a pause, random and growing.
 * (Without a pause it is slower: half the rate into one conversation.) @throws OutOfTime where it is not stored by `endsAt`
 */
export const bySingleInserts =
  (messages: Messages, endsAt: number): Commit =>
  async (draft) => {
    for (let mostMs = pauseMs.first; performance.now() < endsAt; mostMs = Math.min(mostMs * 2, pauseMs.most)) {
      const { conversationId } = draft
      const newest = await messages.findOne({ conversationId }, { sort: { seq: -1 }, projection: { _id: 0, seq: 1 } })
      try {
        await messages.insertOne({ _id: new mongo.ObjectId(), ...draft, seq: (newest?.seq ?? 0) + 1 })
        return
      } catch (error) {
        if (!isConflict(error)) throw error
        await sleep(Math.random() * mostMs)
      }
    }
    throw new OutOfTime()
  }

/** The round ended before the message could be stored: no failure. */
export class OutOfTime extends Error {}

const isConflict = (error: unknown): boolean => error instanceof mongo.MongoServerError && (error.code === 11000 || error.code === 112)
