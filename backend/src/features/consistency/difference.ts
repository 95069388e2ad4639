/** Whose outboxes are looked at. */
export const collections = ['conversations', 'messages', 'receipts'] as const
export type Collection = (typeof collections)[number]

export const differenceKinds = [
  'seq_missing', // `seq` is the first that is not there, `expected` the last
  'seq_doubled',
  'last_seq',
  'last_message_at',
  'watermark_ahead', // past the newest message
  'watermark_behind', // one's own message not read, or read and not received
  'member_twice',
  'member_ahead', // came after a message that is not there
  'receipt_of_stranger', // of somebody who is no member, and has not left lately
  'untold', // to be told for longer than it ever takes
] as const

/** Something of a conversation that is not as its messages say. */
export interface Difference {
  readonly kind: (typeof differenceKinds)[number]
  /** Whom it is about. */
  readonly userId?: string
  /** Where in the messages. */
  readonly seq?: number
  /** Of a member or a receipt. */
  readonly field?: 'deliveredSeq' | 'readSeq' | 'joinedSeq' | 'firstSeq'
  /** What has something to tell. */
  readonly document?: { readonly collection: Collection; readonly id: string }
  /** What is there; null where nothing is. Times are ISO 8601. */
  readonly stored: string | number | null
  readonly expected: string | number | null
}

/** Of one conversation; what is past that is found once these are mended. */
export const mostDifferences = 500
