import type { Model } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import type { OutboxEntry } from '../../realtime/outbox-entry.js'
import type { Mention } from './mentions.js'
import type { FormerText, MessageDocument } from './model.js'
import { wordsOf } from './words.js'

type Messages = Model<MessageDocument>

const mostFormerTexts = 50
const mostFormerBytes = 128 * 1024
const bytesOfMention = 64

/** What a deleted message keeps as it is. `clientId` and `contentHash` let a retried send find it. */
const kept = [
  '_id',
  'conversationId',
  'seq',
  'senderId',
  'clientId',
  'contentHash',
  'type',
  'createdAt',
] as const satisfies (keyof MessageDocument)[]

/** How many of the newest texts stay: one at least. */
const roomFor = (texts: readonly FormerText[]): number => {
  let [count, bytes] = [0, 0]
  for (const { text, mentions = [] } of texts.toReversed()) {
    bytes += Buffer.byteLength(text) + bytesOfMention * mentions.length
    if (count > 0 && (count === mostFormerTexts || bytes > mostFormerBytes)) break
    count += 1
  }
  return count
}

/** Writes an edit where the message is still as `message` says. @returns the edited message; null where it has changed meanwhile */
export const storeEdit = async (
  messages: Messages,
  message: MessageDocument & { text: string },
  { text, mentions }: { text: string; mentions: Mention[] },
  entry: OutboxEntry,
): Promise<MessageDocument | null> => {
  const { _id, conversationId, version, edits = [] } = message
  const mentioned = message.mentions && { mentions: message.mentions }
  const former: FormerText = { text: message.text, ...mentioned, version, at: message.editedAt ?? message.createdAt }
  return messages
    .findOneAndUpdate(
      { conversationId, _id, version, deletedAt: null },
      {
        $set: { text, words: wordsOf(text) ?? [], editedAt: entry.at, ...(mentions.length > 0 && { mentions }) },
        ...(mentions.length === 0 && { $unset: { mentions: '' } }),
        $inc: { version: 1 },
        $currentDate: { changedAt: true },
        $push: { edits: { $each: [former], $slice: -roomFor([...edits, former]) }, outbox: entry },
      },
      { returnDocument: 'after' },
    )
    .lean()
}

/** Makes a tombstone of a message for one person. @returns it; null where it is one for them already */
export const storeHiding = async (
  messages: Messages,
  { _id, conversationId }: MessageDocument,
  userId: string,
  entry: OutboxEntry,
): Promise<MessageDocument | null> => {
  const viewer = toObjectId(userId)
  return messages
    .findOneAndUpdate(
      { conversationId, _id, deletedAt: null, hiddenFor: { $ne: viewer } },
      { $push: { hiddenFor: viewer, hiddenAt: entry.at, outbox: entry }, $currentDate: { changedAt: true } },
      { returnDocument: 'after' },
    )
    .lean()
}

/**
 * Makes a tombstone of a message: all that it does not keep goes, whatever it came to have, of a newer version too.
 * @param deletedBy undefined where it disappears by itself @returns it; null where it is one already
 */
export const storeDeletion = async (
  messages: Messages,
  { _id, conversationId }: Pick<MessageDocument, '_id' | 'conversationId'>,
  deletedBy: string | undefined,
  entry: OutboxEntry,
): Promise<MessageDocument | null> => {
  const tombstone = {
    ...Object.fromEntries(kept.map((field) => [field, `$${field}`])),
    text: null,
    version: { $add: ['$version', 1] },
    deletedAt: entry.at,
    ...(deletedBy !== undefined && { deletedBy: toObjectId(deletedBy) }),
    changedAt: '$$NOW',
    outbox: { $concatArrays: [{ $ifNull: ['$outbox', []] }, [{ $literal: entry }]] },
  }
  return messages
    .findOneAndUpdate({ conversationId, _id, deletedAt: null }, [{ $replaceWith: tombstone }], {
      returnDocument: 'after',
      updatePipeline: true,
    })
    .lean()
}
