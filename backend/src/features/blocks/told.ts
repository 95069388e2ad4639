import type { mongo } from 'mongoose'
import { encodeEvent } from '../../realtime/catalogue.js'
import type { ControlMessage } from '../../realtime/control-message.js'
import type { Entry } from '../../realtime/log/log.js'
import { type OutboxSource, outboxSource } from '../../realtime/outbox.js'
import { idAs } from '../../realtime/outbox-entry.js'
import type { BlockDocument } from './model.js'

/** The blocker's other devices are told, and all workers; the one who was blocked is not. */
export const blockSource = (collection: () => mongo.Collection<BlockDocument>): OutboxSource =>
  outboxSource<BlockDocument>({
    collection,

    tell({ blockerId, blockedId }, entry): Entry[] {
      const { type, at, data } = entry
      const userId = blockedId.toHexString()
      const control: ControlMessage = { blocked: { userIds: [blockerId.toHexString(), userId] } }
      const content = type === 'block.updated' ? { blocked: data?.['blocked'] === 'true' } : { fetch: true as const }
      const frame = encodeEvent({ type: 'block.updated', at: at.toISOString(), userId, ...content })
      return [{ channel: `user:${blockerId.toHexString()}`, eventId: idAs('block.updated', entry), frame, control }]
    },

    baseOf: () => Promise.resolve(0), // these events have no seq
  })
