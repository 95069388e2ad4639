import type { Model } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import type { OutboxEntry } from '../../realtime/outbox-entry.js'
import type { MessageDocument } from './model.js'
import { mostEmoji, mostOfOnePerson, mostReactions } from './reactions.js'

type Messages = Model<MessageDocument>

/** Whose reaction it is. */
export interface Reacting {
  readonly userId: string
  readonly emoji: string
}

const reactions = { $ifNull: ['$reactions', []] }
const isOf = (emoji: string) => ({ $eq: ['$$this.emoji', { $literal: emoji }] })
const numberWhere = (cond: object) => ({ $size: { $filter: { input: reactions, cond } } })

/** As `requireRoom`, for all who react at once. */
const hasRoom = ({ userId, emoji }: Reacting) => ({
  $and: [
    { $lt: [{ $sum: { $map: { input: reactions, in: { $size: '$$this.userIds' } } } }, mostReactions] },
    { $lt: [numberWhere({ $not: [isOf(emoji)] }), mostEmoji] },
    { $lt: [numberWhere({ $in: [toObjectId(userId), '$$this.userIds'] }), mostOfOnePerson] },
  ],
})

const added = ({ userId, emoji }: Reacting) => {
  const joined = { emoji: '$$this.emoji', userIds: { $concatArrays: ['$$this.userIds', [toObjectId(userId)]] } }
  return {
    $cond: [
      { $gt: [numberWhere(isOf(emoji)), 0] },
      { $map: { input: reactions, in: { $cond: [isOf(emoji), joined, '$$this'] } } },
      { $concatArrays: [reactions, [{ emoji: { $literal: emoji }, userIds: [toObjectId(userId)] }]] },
    ],
  }
}

/** An emoji that nobody has chosen any more goes. */
const removed = ({ userId, emoji }: Reacting) => {
  const others = { $filter: { input: '$$this.userIds', as: 'id', cond: { $ne: ['$$id', toObjectId(userId)] } } }
  const left = { emoji: '$$this.emoji', userIds: others }
  const all = { $map: { input: reactions, in: { $cond: [isOf(emoji), left, '$$this'] } } }
  return { $filter: { input: all, cond: { $gt: [{ $size: '$$this.userIds' }, 0] } } }
}

/** What becomes of a message and what is told of it, in one write; the event carries the number of this change. */
const changed = (next: object, { userId, emoji }: Reacting, { eventId, worker, at, type }: OutboxEntry) => {
  const literals = Object.fromEntries(Object.entries({ eventId, worker, at, type }).map(([name, value]) => [name, { $literal: value }]))
  const data = { userId: { $literal: userId }, emoji: { $literal: emoji }, reactionsVersion: { $toString: '$reactionsVersion' } }
  return [
    { $set: { reactions: next, reactionsVersion: { $add: [{ $ifNull: ['$reactionsVersion', 0] }, 1] }, changedAt: '$$NOW' } },
    { $set: { outbox: { $concatArrays: [{ $ifNull: ['$outbox', []] }, [{ ...literals, data }]] } } },
  ]
}

const options = { returnDocument: 'after', updatePipeline: true } as const

/** Adds a reaction that is not there, where there is room. @returns the message; null where it was not changed */
export const storeReaction = (
  messages: Messages,
  { _id, conversationId }: MessageDocument,
  reacting: Reacting,
  entry: OutboxEntry,
): Promise<MessageDocument | null> => {
  const { userId, emoji } = reacting
  const notThere = { $nor: [{ reactions: { $elemMatch: { emoji, userIds: toObjectId(userId) } } }] }
  const filter = { conversationId, _id, deletedAt: null, ...notThere, $expr: hasRoom(reacting) }
  return messages.findOneAndUpdate(filter, changed(added(reacting), reacting, entry), options).lean()
}

/** Takes a reaction back that is there. @returns the message; null where it was not changed */
export const storeWithdrawal = (
  messages: Messages,
  { _id, conversationId }: MessageDocument,
  reacting: Reacting,
  entry: OutboxEntry,
): Promise<MessageDocument | null> => {
  const { userId, emoji } = reacting
  const filter = { conversationId, _id, deletedAt: null, reactions: { $elemMatch: { emoji, userIds: toObjectId(userId) } } }
  return messages.findOneAndUpdate(filter, changed(removed(reacting), reacting, entry), options).lean()
}
