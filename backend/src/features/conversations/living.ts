import type { Model, Types } from 'mongoose'
import type { ConversationDocument } from './model.js'

/** Of these conversations, those that were not deleted. */
export const livingOf = async (
  conversations: Model<ConversationDocument>,
  conversationIds: readonly Types.ObjectId[],
): Promise<Types.ObjectId[]> => {
  const living = await conversations
    .find({ _id: { $in: [...conversationIds] }, deletedAt: { $exists: false } }, { _id: 1 })
    .read('primary')
    .lean()
  return living.map(({ _id }) => _id)
}
