import { isGroupAvatar, livingOf } from '../features/conversations/index.js'
import { Often, unusedUploads } from '../features/maintenance/index.js'
import { isAttached, isAttachedFor } from '../features/messages/index.js'
import {
  Completion,
  Inspection,
  StorageCheck,
  UploadAccess,
  type UploadDocument,
  UploadQuota,
  UploadService,
  UploadSweeper,
  UploadsOfOne,
  UploadUses,
  uploadSource,
} from '../features/uploads/index.js'
import { isAvatarOf } from '../features/users/index.js'
import { toObjectId } from '../http/ids.js'
import { Problem } from '../http/problem.js'
import { Images } from '../platform/content/images/images.js'
import { createScanner } from '../platform/content/scanner/scanner.js'
import type { Base } from './base.js'
import type { Conversations } from './conversations.js'
import type { People } from './people.js'
import type { ContextTiming } from './timing.js'

const sweepEveryMs = 30_000

export type UploadUsesContext = ReturnType<typeof createUploadUses>

/** What marks the uploads that something comes to show. */
export const createUploadUses = ({ models, collection, storage }: Base) => ({
  uploadUses: new UploadUses({
    uploads: models.uploads,
    showing: {
      isAttached: async (uploadId, conversationIds) =>
        isAttached(models.messages, uploadId, await livingOf(models.conversations, conversationIds)),
      isAvatar: async ({ _id, ownerId }, conversationIds) =>
        (await isAvatarOf(models.users, ownerId, _id)) || isGroupAvatar(models.conversations, _id, conversationIds),
    },
  }),
  uploadsOfOne: new UploadsOfOne({ uploads: models.uploads, usage: models.uploadUsage, storage }),
  uploadOutbox: uploadSource(() => collection<UploadDocument>('uploads')),
})

/** Files: how they come, who may see them, and when they go. */
export const createUploads = (
  { config, logger, models, storage, outbox, leases }: Base,
  { uploadUses, uploadOutbox }: UploadUsesContext,
  { memberships }: Conversations,
  { people }: People,
  { uploads: timing = {} }: ContextTiming,
) => {
  const rules = config.uploads
  const images = new Images()
  const quota = new UploadQuota({ usage: models.uploadUsage, rules })
  const inspection = new Inspection({ images, scanner: createScanner(config.scanner) })
  const told = { outbox, source: uploadOutbox, worker: leases.worker }
  const known = { uploads: models.uploads, storage }
  const uploads = new UploadService({ ...known, ...told, quota, rules, uses: uploadUses })
  const completion = new Completion({ ...known, ...told, service: uploads, inspection, logger, ...timing })
  const uploadAccess = new UploadAccess({
    ...known,
    showers: {
      attachment: (viewerId, { _id, conversations = [] }) =>
        isAttachedFor({ messages: models.messages, memberships }, toObjectId(viewerId), _id, conversations),
      async avatar(viewer, { _id, ownerId, conversations = [] }) {
        if (await isGroupAvatar(models.conversations, _id, conversations, toObjectId(viewer.userId))) return true
        const owner = await people.get(viewer, ownerId.toHexString()).catch((error: unknown) => {
          if (error instanceof Problem && error.code === 'not_found') return undefined
          throw error
        })
        return owner?.user.avatarUploadId?.equals(_id) ?? false
      },
    },
  })
  const uploadSweeper = new UploadSweeper({ ...known, quota, uses: uploadUses, logger })
  const sweepingUploads = new Often({ job: unusedUploads(uploadSweeper), leases, logger, everyMs: timing.everyMs ?? sweepEveryMs })
  const storageCheck = new StorageCheck({ ...known, ...told })
  return { uploads, completion, uploadAccess, uploadSweeper, sweepingUploads, storageCheck, images }
}
