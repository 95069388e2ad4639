import type { Model, Types } from 'mongoose'
import type { UserDocument } from './model.js'

/** Whether an upload is a person's avatar. */
export const isAvatarOf = async (users: Model<UserDocument>, userId: Types.ObjectId, uploadId: Types.ObjectId): Promise<boolean> =>
  (await users.exists({ _id: userId, avatarUploadId: uploadId }).read('primary')) !== null
