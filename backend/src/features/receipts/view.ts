import type { ReceiptDocument } from './model.js'
import type { MessageReceipts } from './of-message.js'
import type { MessageReceiptsView } from './schema.js'

/** What the members of a conversation see of one's watermarks. */
export const viewWatermarks = ({ userId, deliveredSeq, readSeq }: ReceiptDocument) => ({
  userId: userId.toHexString(),
  deliveredSeq,
  readSeq,
})

export const viewMessageReceipts = ({ deliveredTo, readBy }: MessageReceipts): MessageReceiptsView => ({
  deliveredTo: deliveredTo.map(viewReceipt),
  readBy: readBy.map(viewReceipt),
})

const viewReceipt = ({ userId, at }: MessageReceipts['readBy'][number]) => ({ userId: userId.toHexString(), at: at.toISOString() })
