import type { Model } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import type { OutboxEntry } from '../../realtime/outbox-entry.js'
import type { Mention } from './mentions.js'
import { type FormerText, type MessageDocument, messageSchema } from './model.js'
import { wordsOf } from './words.js'

type Messages = Model<MessageDocument>

const mostFormerTexts = 50
const mostFormerBytes = 128 * 1024
const bytesOfMention = 64

/** What a deleted message keeps. `clientId` and `contentHash` let a retried send find it. */
const kept = new Set<string>([
  '_id',
  'conversationId',
  'seq',
  'senderId',
  'clientId',
  'contentHash',
  'type',
  'text', // null
  'version',
  'createdAt',
  'changedAt',
  'deletedAt',
  'deletedBy',
  'outbox',
] satisfies (keyof MessageDocument)[])

/** All else goes, whatever a message comes to have. */
const gone = (): Record<string, ''> => {
  const fields = Object.keys(messageSchema.paths).map((path) => path.split('.')[0] ?? path)
  return Object.fromEntries(fields.filter((field) => !kept.has(field)).map((field) => [field, '']))
}

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

/** Makes a tombstone of a message. @param deletedBy undefined where it disappears by itself @returns it; null where it is one already */
export const storeDeletion = async (
  messages: Messages,
  { _id, conversationId }: Pick<MessageDocument, '_id' | 'conversationId'>,
  deletedBy: string | undefined,
  entry: OutboxEntry,
): Promise<MessageDocument | null> =>
  messages
    .findOneAndUpdate(
      { conversationId, _id, deletedAt: null },
      {
        $set: { text: null, deletedAt: entry.at, ...(deletedBy !== undefined && { deletedBy: toObjectId(deletedBy) }) },
        $unset: gone(),
        $inc: { version: 1 },
        $currentDate: { changedAt: true },
        $push: { outbox: entry },
      },
      { returnDocument: 'after' },
    )
    .lean()
