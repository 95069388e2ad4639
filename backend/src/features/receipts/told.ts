import { createHash } from 'node:crypto'
import type { mongo } from 'mongoose'
import { encodeEvent } from '../../realtime/catalogue.js'
import type { Entry } from '../../realtime/log/log.js'
import { type OutboxSource, outboxSource } from '../../realtime/outbox.js'
import type { Activity } from '../conversations/index.js'
import type { ReceiptDocument } from './model.js'
import { mostAlone } from './pace.js'
import type { HidesReading, ReceiptPrivacy } from './privacy.js'
import { viewWatermarks } from './view.js'

/** Some 80 bytes each: an event stays well below what a frame may have. */
const mostTogether = 500

interface Dependencies {
  readonly collection: () => mongo.Collection<ReceiptDocument>
  readonly activity: Activity
  readonly privacy: ReceiptPrivacy
}

/**
 * What a conversation's members are told of each other's watermarks: always all of the present state, so that one event is as good as many.
 * Who does not show how far they have read is told it on their own channel, for their other devices.
 */
export const receiptSource = ({ collection, activity, privacy }: Dependencies): OutboxSource => {
  const tellTogether = async (receipts: readonly ReceiptDocument[]) => {
    const hides = await privacy.of(receipts.map(keyOf))
    const byConversation = new Map<string, ReceiptDocument[]>()
    for (const receipt of receipts) {
      const id = receipt.conversationId.toHexString()
      const of = byConversation.get(id) ?? []
      byConversation.set(id, of)
      of.push(receipt)
    }
    return [...byConversation.values()].flatMap((of) =>
      chunksOf(of, of.length > mostAlone ? mostTogether : 1).map((documents) => ({ entries: entriesOf(documents, hides), documents })),
    )
  }
  return outboxSource<ReceiptDocument>({
    collection,
    tellTogether,

    async tell(receipt) {
      return (await tellTogether([receipt])).flatMap(({ entries }) => entries)
    },

    /** Its conversation has changed with it. */
    followUp({ conversationId }): void {
      activity.note({ conversationId })
    },

    baseOf: () => Promise.resolve(0), // these events have no seq
  })
}

const keyOf = ({ conversationId, userId }: ReceiptDocument) => ({
  conversationId: conversationId.toHexString(),
  userId: userId.toHexString(),
})

/** One event for members of one conversation, and one for each of them who does not show all. */
const entriesOf = (receipts: readonly ReceiptDocument[], hides: HidesReading): Entry[] => {
  const isHidden = (receipt: ReceiptDocument) => hides(receipt.conversationId.toHexString(), receipt.userId.toHexString())
  const own = receipts.filter(isHidden).flatMap((receipt) => eventOf(`user:${receipt.userId.toHexString()}`, [receipt], () => false))
  const [first] = receipts
  return first ? [...eventOf(`conversation:${first.conversationId.toHexString()}`, receipts, isHidden), ...own] : []
}

const eventOf = (
  channel: Entry['channel'],
  receipts: readonly ReceiptDocument[],
  isHidden: (receipt: ReceiptDocument) => boolean,
): Entry[] => {
  const [first, ...others] = receipts
  const entries = receipts.flatMap(({ outbox }) => outbox ?? [])
  if (!first || entries.length === 0) return []
  const at = new Date(Math.max(...entries.map((entry) => entry.at.getTime())))
  const seen = (receipt: ReceiptDocument) => viewWatermarks(receipt, { hidesReading: isHidden(receipt) })
  const frame = encodeEvent({
    type: 'receipt.updated',
    conversationId: first.conversationId.toHexString(),
    at: at.toISOString(),
    ...seen(first),
    ...(others.length > 0 && { receipts: others.map(seen) }),
  })
  return [{ channel, eventId: eventIdOf(entries.map(({ eventId }) => eventId)), frame }]
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
