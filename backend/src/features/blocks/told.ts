import type { mongo } from 'mongoose'
import { encodeEvent } from '../../realtime/catalogue.js'
import type { ControlMessage } from '../../realtime/control-message.js'
import type { Entry } from '../../realtime/log/log.js'
import { type OutboxSource, outboxSource } from '../../realtime/outbox.js'
import { idInPlaceOf } from '../../realtime/outbox-entry.js'
import type { BlockDocument } from './model.js'

/** The blocker's other devices are told, and all workers; the one who was blocked is not. */
export const blockSource = (collection: () => mongo.Collection<BlockDocument>): OutboxSource =>
  outboxSource<BlockDocument>({
    collection,

    tell({ blockerId, blockedId }, { type, eventId, at, data }): Entry[] {
      const userId = blockedId.toHexString()
      const control: ControlMessage = { blocked: { userIds: [blockerId.toHexString(), userId] } }
      const isKnown = type === 'block.updated'
      const content = isKnown ? { blocked: data?.['blocked'] === 'true' } : { fetch: true as const }
      const frame = encodeEvent({ type: 'block.updated', at: at.toISOString(), userId, ...content })
      return [{ channel: `user:${blockerId.toHexString()}`, eventId: isKnown ? eventId : idInPlaceOf(eventId), frame, control }]
    },

    baseOf: () => Promise.resolve(0), // these events have no seq
  })
