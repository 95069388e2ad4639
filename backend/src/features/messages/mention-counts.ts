import type { Model } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import { type MessageDocument, mentionIndex } from './model.js'

/** Past it a conversation's count says no more than that there are many. */
export const mostMentionsCounted = 999
/** So many are counted for all conversations at once; where there are more, each is counted by itself up to its own bound. */
const mostTogether = 10_000

/** What of a conversation somebody has not read. */
export interface Unread {
  readonly conversationId: string
  readonly afterSeq: number
}

/** In how many messages somebody is mentioned, which are not deleted for all or for them; by the conversation's id, none where there are none. */
export const countMentions = async (
  messages: Model<MessageDocument>,
  unread: readonly Unread[],
  userId: string,
): Promise<ReadonlyMap<string, number>> => {
  if (unread.length === 0) return new Map()
  const viewer = toObjectId(userId)
  const of = ({ conversationId, afterSeq }: Unread) => ({
    conversationId: toObjectId(conversationId),
    'mentions.userId': viewer,
    seq: { $gt: afterSeq },
  })
  const notHidden = { hiddenFor: { $ne: viewer } }
  const counted = await messages.aggregate<{ _id: typeof viewer; count: number }>([
    { $match: { $or: unread.map(of), ...notHidden } },
    { $limit: mostTogether },
    { $group: { _id: '$conversationId', count: { $sum: 1 } } },
  ])
  if (counted.reduce((sum, { count }) => sum + count, 0) < mostTogether)
    return new Map(counted.map(({ _id, count }) => [_id.toHexString(), Math.min(count, mostMentionsCounted)]))
  const countOne = async (one: Unread) => {
    const count = await messages.countDocuments({ ...of(one), ...notHidden }, { limit: mostMentionsCounted, hint: mentionIndex })
    return [one.conversationId, count] as const
  }
  return new Map(await Promise.all(unread.map(countOne)))
}
