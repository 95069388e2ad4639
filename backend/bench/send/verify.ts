import type { mongo } from 'mongoose'
import { z } from 'zod'
import type { MessageDocument } from '../../src/features/messages/model.js'

const Conversation = z.object({ stored: z.number(), distinct: z.number(), first: z.number(), last: z.number() })

/**
 * What the promise says of the stored messages: in each conversation seq is 1, 2, 3 ... N, no clientId is there twice,
 * and all that was acknowledged is there; nothing more either, unless commits failed.
 * @throws Error that names the violation
 */
export const verify = async (
  messages: mongo.Collection<MessageDocument>,
  told: { readonly acknowledged: number; readonly failed: number },
): Promise<void> => {
  const found = await messages
    .aggregate([
      { $group: { _id: { conversationId: '$conversationId', seq: '$seq' }, count: { $sum: 1 } } },
      {
        $group: {
          _id: '$_id.conversationId',
          stored: { $sum: '$count' },
          distinct: { $sum: 1 },
          first: { $min: '$_id.seq' },
          last: { $max: '$_id.seq' },
        },
      },
    ])
    .toArray()
  const conversations = z.array(Conversation).parse(found)
  const gaps = conversations.filter(({ stored, distinct, first, last }) => first !== 1 || stored !== last || distinct !== last)
  if (gaps.length > 0) throw new Error(`seq is not contiguous in ${gaps.length} conversations: ${JSON.stringify(gaps[0])}`)

  const doubles = await messages
    .aggregate([{ $group: { _id: '$clientId', count: { $sum: 1 } } }, { $match: { count: { $gt: 1 } } }, { $limit: 3 }])
    .toArray()
  if (doubles.length > 0) throw new Error(`clientIds are there twice: ${JSON.stringify(doubles)}`)

  const stored = conversations.reduce((sum, conversation) => sum + conversation.stored, 0)
  if (stored < told.acknowledged || stored > told.acknowledged + told.failed)
    throw new Error(`${told.acknowledged} messages were acknowledged, ${told.failed} failed, and ${stored} are stored`)
}
