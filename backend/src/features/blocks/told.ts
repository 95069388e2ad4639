import type { mongo } from 'mongoose'
import { encodeEvent } from '../../realtime/catalogue.js'
import type { ControlMessage } from '../../realtime/control-message.js'
import type { Entry } from '../../realtime/log/log.js'
import { type OutboxSource, outboxSource } from '../../realtime/outbox.js'
import type { BlockDocument } from './model.js'

/** The blocker's other devices are told, and all workers; the one who was blocked is not. */
export const blockSource = (collection: () => mongo.Collection<BlockDocument>): OutboxSource =>
  outboxSource<BlockDocument>({
    collection,

    tell({ blockerId, blockedId }, { type, eventId, at, data }): Entry[] {
      if (type !== 'block.updated') throw new Error(`Not an event of a block: ${type}`) // a newer worker's, which tells it
      const [userId, blocked] = [blockedId.toHexString(), data?.['blocked'] === 'true']
      const control: ControlMessage = { blocked: { userIds: [blockerId.toHexString(), userId] } }
      const frame = encodeEvent({ type, at: at.toISOString(), userId, blocked })
      return [{ channel: `user:${blockerId.toHexString()}`, eventId, frame, control }]
    },

    baseOf: () => Promise.resolve(0), // these events have no seq
  })
