import type { mongo } from 'mongoose'
import { encodeEvent } from '../../realtime/catalogue.js'
import type { Entry } from '../../realtime/log/log.js'
import { type OutboxSource, outboxSource } from '../../realtime/outbox.js'
import { idInPlaceOf } from '../../realtime/outbox-entry.js'
import type { UploadDocument } from './model.js'
import { viewUpload } from './view.js'

/** A person's own devices are told what became of an upload. */
export const uploadSource = (collection: () => mongo.Collection<UploadDocument>): OutboxSource =>
  outboxSource<UploadDocument>({
    collection,

    tell(upload, { type, eventId, at }): Entry[] {
      const id = type === 'upload.updated' ? eventId : idInPlaceOf(eventId)
      const frame = encodeEvent({ type: 'upload.updated', at: at.toISOString(), upload: viewUpload(upload) })
      return [{ channel: `user:${upload.ownerId.toHexString()}`, eventId: id, frame }]
    },

    baseOf: () => Promise.resolve(0), // these events have no seq
  })
