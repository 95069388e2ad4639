import type { mongo } from 'mongoose'
import { encodeEvent } from '../../realtime/catalogue.js'
import type { Entry } from '../../realtime/log/log.js'
import { type OutboxSource, outboxSource } from '../../realtime/outbox.js'
import type { UploadDocument } from './model.js'
import { viewUpload } from './view.js'

/** A person's own devices are told what became of an upload. */
export const uploadSource = (collection: () => mongo.Collection<UploadDocument>): OutboxSource =>
  outboxSource<UploadDocument>({
    collection,

    tell(upload, { type, eventId, at }): Entry[] {
      if (type !== 'upload.updated') throw new Error(`Not an event of an upload: ${type}`) // a newer worker's, which tells it
      const frame = encodeEvent({ type, at: at.toISOString(), upload: viewUpload(upload) })
      return [{ channel: `user:${upload.ownerId.toHexString()}`, eventId, frame }]
    },

    baseOf: () => Promise.resolve(0), // these events have no seq
  })
