import type { mongo } from 'mongoose'
import { encodeEvent } from '../../realtime/catalogue.js'
import type { Entry } from '../../realtime/log/log.js'
import { type OutboxSource, outboxSource } from '../../realtime/outbox.js'
import { idAs } from '../../realtime/outbox-entry.js'
import type { UserDocument } from './model.js'
import { viewMe, viewUser } from './view.js'

/** Who is told of a person: each on their own channel, or, where they are too many, these conversations. */
export type Company = { readonly userIds: readonly string[] } | { readonly conversationIds: readonly string[] }

interface Dependencies {
  readonly collection: () => mongo.Collection<UserDocument>
  /** Who shares a conversation with a person and may see them. */
  readonly companyOf: (userId: string) => Promise<Company>
}

/** What a person's devices, and those who share a conversation with them, are told of their profile: as it is when it is told. */
export const userSource = ({ collection, companyOf }: Dependencies): OutboxSource =>
  outboxSource<UserDocument>({
    collection,

    async tell(user, entry): Promise<Entry[]> {
      const { type, at, data } = entry
      const eventId = idAs('user.updated', entry)
      const userId = user._id.toHexString()
      const event = { type: 'user.updated', at: at.toISOString() } as const
      // Who is deleted has no device any more to be told.
      const own: Entry[] = user.deletedAt
        ? []
        : [{ channel: `user:${userId}`, eventId, frame: encodeEvent({ ...event, user: viewMe(user) }) }]
      if (type === 'user.updated' && data?.['seen'] !== 'others') return own
      const company = await companyOf(userId)
      if ('conversationIds' in company) {
        const { id, version } = viewUser(user, { withPhone: false })
        const frame = encodeEvent({ ...event, user: { id, version }, fetch: true })
        return [...own, ...company.conversationIds.map((each): Entry => ({ channel: `conversation:${each}`, eventId, frame }))]
      }
      const frame = encodeEvent({ ...event, user: viewUser(user, { withPhone: false }) })
      return [...own, ...company.userIds.map((each): Entry => ({ channel: `user:${each}`, eventId, frame }))]
    },

    baseOf: () => Promise.resolve(0), // these events have no seq
  })
