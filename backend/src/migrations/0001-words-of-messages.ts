import { type MessageDocument, wordsOf } from '../features/messages/index.js'
import { backfill } from './backfill.js'

/**
 * What was said before messages carried their words, or before it was known when they were told, is not in the index by which they are found.
 * What is not told yet gets its time by being told.
 */
export const wordsOfMessages = backfill<MessageDocument>({
  number: 1,
  name: 'words-of-messages',
  about: 'messages from before they could be searched get the words by which they are found',
  collection: 'messages',
  lacking: {
    $or: [
      { words: { $exists: false }, text: { $type: 'string' } },
      { changedAt: { $exists: false }, outbox: { $exists: false } },
    ],
  },
  fields: ['conversationId', 'text', 'version', 'words', 'createdAt', 'changedAt', 'outbox'],

  writes({ _id, conversationId, text, version, words: known, createdAt, changedAt, outbox }) {
    const words = known ? undefined : wordsOf(text)
    const isTold = { _id, conversationId, changedAt: { $exists: false }, outbox: { $exists: false } }
    return [
      // An edit raises the version, a deletion too.
      ...(words ? [{ filter: { _id, conversationId, version, words: { $exists: false } }, update: { $set: { words } } }] : []),
      ...(changedAt || outbox ? [] : [{ filter: isTold, update: { $set: { changedAt: createdAt } } }]),
    ]
  },
})
