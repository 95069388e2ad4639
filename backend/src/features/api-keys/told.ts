import type { mongo } from 'mongoose'
import { encodeEvent } from '../../realtime/catalogue.js'
import type { ControlMessage } from '../../realtime/control-message.js'
import { type OutboxSource, outboxSource } from '../../realtime/outbox.js'
import type { ApiKeyDocument } from './model.js'

/** What all workers are told of an API key that was revoked, as of a session: that its tokens are good no more. */
export const apiKeySource = (collection: () => mongo.Collection<ApiKeyDocument>): OutboxSource =>
  outboxSource<ApiKeyDocument>({
    collection,

    tell({ _id }, { type, eventId, at }) {
      if (type !== 'session.revoked') return [] // a newer worker's: whatever it was, the key was not revoked
      const id = _id.toHexString()
      const ended = { at: at.toISOString(), sessionId: id, reason: 'api_key_revoked' }
      const control: ControlMessage = { revoked: { userId: id, ...ended } }
      return [{ channel: `user:${id}`, eventId, frame: encodeEvent({ type: 'session.revoked', ...ended }), control }] // a channel that nobody reads
    },

    baseOf: () => Promise.resolve(0), // these events have no seq
  })
