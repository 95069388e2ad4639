import type { ConversationDocument } from '../features/conversations/index.js'
import { backfill } from './backfill.js'

/** A conversation without the time of its last change is missing from every list of what has changed: as if it had just now. */
export const changesOfConversations = backfill<ConversationDocument>({
  number: 2,
  name: 'changes-of-conversations',
  about: 'conversations from before GET /sync get the time of their last change, without which it does not list them',
  collection: 'conversations',
  lacking: { changedAt: { $exists: false } },
  fields: [],
  writes: ({ _id }) => [{ filter: { _id, changedAt: { $exists: false } }, update: { $currentDate: { changedAt: true } } }],
})
