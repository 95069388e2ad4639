import type { Types } from 'mongoose'
import { Problem } from '../../http/problem.js'
import type { MessageDocument } from './model.js'
import type { ReactionView } from './schema.js'

/** How people react to a message: an emoji, and who chose it, the first of them first. */
export interface Reaction {
  emoji: string
  userIds: Types.ObjectId[]
}

export const mostEmoji = 50
export const mostOfOnePerson = 20
export const mostReactions = 2048
const mostShown = 10
/** Each change must be told; while Redis is away they gather. */
const mostUntold = 2048
const mostUntoldOfOnePerson = 100
const toldAfterSeconds = 60

const chose = ({ userIds }: Reaction, userId: string): boolean => userIds.some((id) => id.toHexString() === userId)

export const hasReacted = ({ reactions = [] }: MessageDocument, userId: string, emoji: string): boolean =>
  reactions.some((reaction) => reaction.emoji === emoji && chose(reaction, userId))

/** @throws Problem conflict where one more reaction would be too many: of them all, of different ones, of this person's */
export const requireRoom = ({ reactions = [] }: MessageDocument, userId: string, emoji: string): void => {
  if (reactions.reduce((sum, { userIds }) => sum + userIds.length, 0) >= mostReactions)
    throw new Problem('conflict', `A message has ${mostReactions} reactions at most`)
  if (reactions.filter((reaction) => reaction.emoji !== emoji).length >= mostEmoji)
    throw new Problem('conflict', `A message has reactions of ${mostEmoji} different emoji at most`)
  if (reactions.filter((reaction) => chose(reaction, userId)).length >= mostOfOnePerson)
    throw new Problem('conflict', `One person has ${mostOfOnePerson} reactions to a message at most`)
}

/** @throws Problem rate_limited, service_unavailable where too many changes of them wait to be told, or were just told */
export const requireCalm = ({ outbox = [] }: MessageDocument, userId: string): void => {
  const changes = outbox.filter(({ type }) => type === 'reaction.added' || type === 'reaction.removed')
  if (changes.filter(({ data }) => data?.userId === userId).length >= mostUntoldOfOnePerson)
    throw new Problem('rate_limited', 'You have changed your reactions to this message too often', { retryAfterSeconds: toldAfterSeconds })
  if (changes.length >= mostUntold) throw new Problem('service_unavailable', 'Too many reactions to this message wait to be told')
}

export const viewReactions = (reactions: readonly Reaction[], viewerId: string): ReactionView[] =>
  reactions.map((reaction) => ({
    emoji: reaction.emoji,
    count: reaction.userIds.length,
    userIds: reaction.userIds.slice(0, mostShown).map((id) => id.toHexString()),
    mine: chose(reaction, viewerId),
  }))
