import type { mongo } from 'mongoose'
import type { ConversationDocument } from '../features/conversations/index.js'
import { lostPhoneOf, type UserDocument } from '../features/users/index.js'

type Document = mongo.BSON.Document

/**
 * What one document may have given up, and another one taken, between the reading of the two: the later one has it, as it had in the database.
 * By collection; nothing else that is unique ever moves. Each says how many documents it has removed.
 */
const givingWay: Readonly<Record<string, (db: mongo.Db, taker: Document) => Promise<number>>> = {
  async users(db, { phone, email }) {
    const users = db.collection<UserDocument>('users')
    const former = await users.findOne({ phone }, { projection: { _id: 1 } })
    if (former) {
      const lost = lostPhoneOf(former._id.toHexString())
      await users.updateOne({ _id: former._id }, { $set: { phone: lost }, $unset: { phoneVerifiedAt: '' } })
    }
    if (email !== undefined) await users.updateOne({ email }, { $unset: { email: '', emailVerifiedAt: '' } })
    return 0
  },
  async conversations(db, { pins = [] }) {
    const conversations = db.collection<ConversationDocument>('conversations')
    await conversations.updateMany({ pins: { $in: pins } }, { $pull: { pins: { $in: pins } } })
    await conversations.updateMany({ pins: { $size: 0 } }, { $unset: { pins: '' } })
    return 0
  },
  async jobs(db, { liveKey }) {
    return (await db.collection('jobs').deleteOne({ liveKey })).deletedCount // it had ended
  },
  async blocks(db, { blockerId, blockedId }) {
    return (await db.collection('blocks').deleteOne({ blockerId, blockedId })).deletedCount
  },
  async receipts(db, { conversationId, userId }) {
    return (await db.collection('receipts').deleteOne({ conversationId, userId })).deletedCount
  },
}

/**
 * Takes what `taker` needs for itself alone from who had it before; an earlier copy of itself goes, too.
 * @returns how many documents were removed for it; undefined where documents of this collection never give way
 */
export const giveWay = async (db: mongo.Db, collection: string, taker: Document): Promise<number | undefined> => {
  const { deletedCount } = await db.collection(collection).deleteOne({ _id: taker['_id'] })
  return deletedCount > 0 ? deletedCount : givingWay[collection]?.(db, taker)
}
