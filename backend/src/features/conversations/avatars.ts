import type { Model, Types } from 'mongoose'
import type { ConversationDocument } from './model.js'

/** Whether an upload is the avatar of one of these groups that is not deleted; with a viewer, of one that they are in. */
export const isGroupAvatar = async (
  conversations: Model<ConversationDocument>,
  uploadId: Types.ObjectId,
  conversationIds: readonly Types.ObjectId[],
  viewer?: Types.ObjectId,
): Promise<boolean> => {
  const groups = {
    _id: { $in: [...conversationIds] },
    avatarUploadId: uploadId,
    deletedAt: { $exists: false },
    ...(viewer && { 'members.userId': viewer }),
  }
  return (await conversations.exists(groups).read('primary')) !== null
}
