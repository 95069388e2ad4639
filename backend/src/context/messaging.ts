import { Counter } from 'prom-client'
import { Activity } from '../features/conversations/index.js'
import {
  CommitLane,
  Heads,
  LastMessages,
  type MessageDocument,
  MessageService,
  messageSource,
  ReactionService,
} from '../features/messages/index.js'
import {
  type ReceiptDocument,
  ReceiptPrivacy,
  ReceiptService,
  ReceiptTeller,
  ReceiptWriter,
  receiptSource,
} from '../features/receipts/index.js'
import { SearchService } from '../features/search/index.js'
import type { Base } from './base.js'
import type { Conversations } from './conversations.js'
import type { Presence } from './presence.js'
import type { UploadUsesContext } from './uploads.js'
import type { Users } from './users.js'

export type Messaging = ReturnType<typeof createMessaging>

/** What is said, and who has read it. */
export const createMessaging = (
  { config, logger, registry, mongo, connection, collection, collectionOfNow, models, redis, keyspace, outbox, leases: { worker } }: Base,
  { shared, blocks, users }: Users,
  { memberships }: Conversations,
  { typing }: Presence,
  { uploadUses: uploads }: UploadUsesContext,
) => {
  const activity = new Activity({ connection, logger, ready: () => mongo.ready })
  const heads = new Heads({ messages: () => collection<MessageDocument>('messages'), keyspace, redis: redis?.commands })

  const privacy = new ReceiptPrivacy({ shared, users, blocks })
  const storedReceipts = () => collection<ReceiptDocument>('receipts')
  const receiptOutbox = receiptSource({ collection: storedReceipts, activity, privacy })
  const receiptTeller = new ReceiptTeller({ collection: storedReceipts, outbox, source: receiptOutbox, worker, logger })
  const receiptWriter = new ReceiptWriter({
    collection: () => collectionOfNow<ReceiptDocument>('receipts'),
    teller: receiptTeller,
    activity,
    worker,
    logger,
  })

  const messageOutbox = messageSource({
    collection: () => collection<MessageDocument>('messages'),
    worker,
    activity,
    memberships,
    receipts: receiptWriter,
    uploads,
  })
  const messagesStored = new Counter({ name: 'messages_total', help: 'Messages that were committed', registers: [registry] })
  const lane = new CommitLane({
    messages: () => collectionOfNow<MessageDocument>('messages'),
    heads,
    onStored(stored) {
      messagesStored.inc(stored.length)
      for (const { conversationId, seq, createdAt } of stored) activity.note({ conversationId, seq, at: createdAt })
      receiptWriter.sent(stored)
      typing.sent(stored)
      outbox.publish(messageOutbox, stored) // the sweeper publishes it if this worker dies first
    },
  })
  const messages = new MessageService({
    messages: models.messages,
    memberships,
    blocks,
    uploads,
    activity,
    lane,
    outbox,
    source: messageOutbox,
    worker,
  })
  const reactions = new ReactionService({
    stored: models.messages,
    messages,
    memberships,
    blocks,
    activity,
    outbox,
    source: messageOutbox,
    worker,
  })
  const receipts = new ReceiptService({ receipts: models.receipts, messages, memberships, heads, writer: receiptWriter, privacy })
  return {
    heads,
    messages,
    reactions,
    receipts,
    lastMessages: new LastMessages({ messages: models.messages }),
    search: new SearchService({ messages: models.messages, readFrom: config.mongo.listReadPreference, memberships }),
    messageOutbox,
    receiptOutbox,

    /** Resolves when all that was said is written, and noted where it has to be. */
    messagingSettled: async (): Promise<void> => {
      await lane.settled()
      await reactions.settled()
      await activity.settled()
      await receiptWriter.settled()
      await receiptTeller.settled()
    },
  }
}
