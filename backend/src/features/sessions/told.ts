import type { mongo } from 'mongoose'
import { encodeEvent } from '../../realtime/catalogue.js'
import type { ControlMessage } from '../../realtime/control-message.js'
import type { Entry } from '../../realtime/log/log.js'
import { type OutboxSource, outboxSource } from '../../realtime/outbox.js'
import type { SessionDocument } from './model.js'

/** What a person's devices, and all workers, are told of a session that has ended. */
export const sessionSource = (collection: () => mongo.Collection<SessionDocument>): OutboxSource =>
  outboxSource<SessionDocument>({
    collection,

    tell(session, { type, eventId, at, data }): Entry[] {
      if (type !== 'session.revoked') return [] // a newer worker's: whatever it was, the session has not ended
      const sessionId = session._id.toHexString()
      const userId = session.userId.toHexString()
      const ended = { at: at.toISOString(), sessionId, reason: data?.['reason'] ?? '' }
      const control: ControlMessage = { revoked: { userId, ...ended } }
      return [{ channel: `user:${userId}`, eventId, frame: encodeEvent({ type: 'session.revoked', ...ended }), control }]
    },

    baseOf: () => Promise.resolve(0), // these events have no seq
  })
