import type { Model, Types } from 'mongoose'
import { z } from 'zod'
import { Id } from '../../http/ids.js'
import type { Memberships } from '../conversations/index.js'
import type { Attachable } from '../uploads/index.js'
import type { MessageDocument } from './model.js'

export const mostAttachments = 10

/** A file as it was when it was sent. */
export interface Attachment {
  uploadId: Types.ObjectId
  fileName: string
  contentType: string
  /** Bytes. */
  size: number
  width?: number
  height?: number
}

export const Attachments = z
  .array(Id)
  .min(1)
  .max(mostAttachments)
  .refine((ids) => new Set(ids).size === ids.length, 'the same upload twice')

export const AttachmentView = z
  .object({
    uploadId: Id,
    fileName: z.string(),
    contentType: z.string(),
    size: z.int().positive().meta({ description: 'Bytes' }),
    width: z.int().positive().optional(),
    height: z.int().positive().optional(),
  })
  .meta({ id: 'Attachment' })

export const viewAttachment = ({ uploadId, width, height, fileName, contentType, size }: Attachment): z.infer<typeof AttachmentView> => ({
  uploadId: uploadId.toHexString(),
  fileName,
  contentType,
  size,
  ...(width !== undefined && { width }),
  ...(height !== undefined && { height }),
})

export const attachmentOf = ({ _id: uploadId, fileName, contentType, size, servedSize, width, height }: Attachable): Attachment => ({
  uploadId,
  fileName,
  contentType,
  size: servedSize ?? size,
  ...(width !== undefined && { width }),
  ...(height !== undefined && { height }),
})

/** What the outbox entry of a deletion says of what the message had: the message does not any more. */
export const detaching = ({ attachments = [] }: Pick<MessageDocument, 'attachments'>): Record<string, string> =>
  attachments.length > 0 ? { attachments: attachments.map(({ uploadId }) => uploadId.toHexString()).join(' ') } : {}

/** Whether some message of these conversations has an upload; a deleted one has none. */
export const isAttached = async (
  messages: Model<MessageDocument>,
  uploadId: Types.ObjectId,
  conversationIds: readonly Types.ObjectId[],
): Promise<boolean> => {
  const found = await messages.exists({ conversationId: { $in: [...conversationIds] }, 'attachments.uploadId': uploadId }).read('primary')
  return found !== null
}

/** Whether somebody who is in one of these conversations sees a message there that has an upload. The newest are looked at first. */
export const isAttachedFor = async (
  { messages, memberships }: { messages: Model<MessageDocument>; memberships: Pick<Memberships, 'placeOf'> },
  viewer: Types.ObjectId,
  uploadId: Types.ObjectId,
  conversationIds: readonly Types.ObjectId[],
): Promise<boolean> => {
  for (const conversationId of conversationIds.toReversed()) {
    const place = await memberships.placeOf(viewer.toHexString(), conversationId.toHexString())
    if (!place) continue
    const shown = { conversationId, 'attachments.uploadId': uploadId, seq: { $gte: place.firstSeq }, hiddenFor: { $ne: viewer } }
    if ((await messages.exists(shown).read('primary')) !== null) return true
  }
  return false
}
