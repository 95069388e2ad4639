import type { ConversationDocument } from '../conversations/index.js'
import type { ReceiptDocument } from '../receipts/index.js'
import type { Difference } from './difference.js'

export type Marks = Pick<ReceiptDocument, 'userId' | 'deliveredSeq' | 'readSeq'>

/** People of a conversation by their ids: who is in it, and who has left lately and may come back. */
export interface People {
  readonly members: ReadonlySet<string>
  readonly known: ReadonlySet<string>
}

export const peopleOf = ({ members, left = [] }: Pick<ConversationDocument, 'members' | 'left'>): People => {
  const ids = members.map(({ userId }) => userId.toHexString())
  return { members: new Set(ids), known: new Set([...ids, ...left.map(({ userId }) => userId.toHexString())]) }
}

/** What is wrong with somebody's watermarks whatever comes, where people and head were read after them. */
export const wrongOf = (marks: Marks, { known }: People, head: number): Difference[] => {
  const { deliveredSeq, readSeq } = marks
  const userId = marks.userId.toHexString()
  if (!known.has(userId)) return [{ kind: 'receipt_of_stranger', userId, stored: readSeq, expected: null }]
  return [
    ...(['deliveredSeq', 'readSeq'] as const).flatMap((field) =>
      marks[field] > head ? [{ kind: 'watermark_ahead', userId, field, stored: marks[field], expected: head } as const] : [],
    ),
    ...(deliveredSeq < readSeq
      ? [{ kind: 'watermark_behind', userId, field: 'deliveredSeq', stored: deliveredSeq, expected: readSeq } as const]
      : []),
  ]
}

/** Who sends has read up to their own message: that is stored a moment later. */
export const behindOwn = (userId: string, readSeq: number, sent: number): Difference[] =>
  readSeq < sent ? [{ kind: 'watermark_behind', userId, field: 'readSeq', stored: readSeq, expected: sent }] : []
