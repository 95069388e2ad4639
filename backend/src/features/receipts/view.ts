import type { ReceiptDocument } from './model.js'
import type { MessageReceipts } from './of-message.js'
import type { MessageReceiptsView } from './schema.js'

/** What the members of a conversation see of one's watermarks; 0 for how far one has read who does not show it. */
export const viewWatermarks = (
  { userId, deliveredSeq, readSeq }: ReceiptDocument,
  { hidesReading }: { readonly hidesReading: boolean },
) => ({
  userId: userId.toHexString(),
  deliveredSeq,
  readSeq: hidesReading ? 0 : readSeq,
})

export const viewMessageReceipts = ({ deliveredTo, readBy }: MessageReceipts): MessageReceiptsView => ({
  deliveredTo: deliveredTo.map(viewReceipt),
  readBy: readBy.map(viewReceipt),
})

const viewReceipt = ({ userId, at }: MessageReceipts['readBy'][number]) => ({ userId: userId.toHexString(), at: at.toISOString() })
