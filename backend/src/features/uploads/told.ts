import type { mongo } from 'mongoose'
import { encodeEvent } from '../../realtime/catalogue.js'
import type { Entry } from '../../realtime/log/log.js'
import { type OutboxSource, outboxSource } from '../../realtime/outbox.js'
import { idAs } from '../../realtime/outbox-entry.js'
import type { UploadDocument } from './model.js'
import { viewUpload } from './view.js'

/** A person's own devices are told what became of an upload. */
export const uploadSource = (collection: () => mongo.Collection<UploadDocument>): OutboxSource =>
  outboxSource<UploadDocument>({
    collection,

    tell(upload, entry): Entry[] {
      const frame = encodeEvent({ type: 'upload.updated', at: entry.at.toISOString(), upload: viewUpload(upload) })
      return [{ channel: `user:${upload.ownerId.toHexString()}`, eventId: idAs('upload.updated', entry), frame }]
    },

    baseOf: () => Promise.resolve(0), // these events have no seq
  })
