import { createHash } from 'node:crypto'
import type { mongo } from 'mongoose'
import { encodeEvent } from '../../realtime/catalogue.js'
import type { Entry } from '../../realtime/log/log.js'
import { type OutboxSource, outboxSource } from '../../realtime/outbox.js'
import type { Activity } from '../conversations/index.js'
import type { ReceiptDocument } from './model.js'
import { mostAlone } from './pace.js'
import { viewWatermarks } from './view.js'

/** Some 80 bytes each: an event stays well below what a frame may have. */
const mostTogether = 500

interface Dependencies {
  readonly collection: () => mongo.Collection<ReceiptDocument>
  readonly activity: Activity
}

/** What a conversation's members are told of each other's watermarks: always all of the present state, so that one event is as good as many. */
export const receiptSource = ({ collection, activity }: Dependencies): OutboxSource =>
  outboxSource<ReceiptDocument>({
    collection,
    tell: (receipt) => eventOf([receipt]),

    tellTogether(receipts) {
      const byConversation = new Map<string, ReceiptDocument[]>()
      for (const receipt of receipts) {
        const id = receipt.conversationId.toHexString()
        const of = byConversation.get(id) ?? []
        byConversation.set(id, of)
        of.push(receipt)
      }
      return [...byConversation.values()].flatMap((of) =>
        chunksOf(of, of.length > mostAlone ? mostTogether : 1).flatMap((documents) =>
          eventOf(documents).map((entry) => ({ entry, documents })),
        ),
      )
    },

    /** Its conversation has changed with it. */
    followUp({ conversationId }): void {
      activity.note({ conversationId })
    },

    baseOf: () => Promise.resolve(0), // these events have no seq
  })

/** One event for members of one conversation. */
const eventOf = (receipts: readonly ReceiptDocument[]): Entry[] => {
  const [first, ...others] = receipts
  const entries = receipts.flatMap(({ outbox }) => outbox ?? [])
  if (!first || entries.length === 0) return []
  const conversationId = first.conversationId.toHexString()
  const at = new Date(Math.max(...entries.map((entry) => entry.at.getTime())))
  const frame = encodeEvent({
    type: 'receipt.updated',
    conversationId,
    at: at.toISOString(),
    ...viewWatermarks(first),
    ...(others.length > 0 && { receipts: others.map(viewWatermarks) }),
  })
  return [{ channel: `conversation:${conversationId}`, eventId: eventIdOf(entries.map(({ eventId }) => eventId)), frame }]
}

/** The same for the same changes, so that they are found again in the log; another one where one of them is another. */
const eventIdOf = (eventIds: readonly string[]): string =>
  eventIds.length === 1
    ? eventIds.join('')
    : createHash('sha256')
        .update(eventIds.toSorted((one, other) => (one < other ? -1 : 1)).join())
        .digest('base64url')

const chunksOf = <T>(all: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, n) => all.slice(n * size, (n + 1) * size))
