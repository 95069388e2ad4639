import type { ConversationDocument } from '../conversations/index.js'
import type { Difference } from './difference.js'
import type { Scan } from './scan.js'

/** What a conversation says of itself that its messages say, too. */
export type Derived = Pick<ConversationDocument, 'lastSeq' | 'lastMessageAt'>

/**
 * What is past the messages, where `conversation` was read before them: it can only have been less then.
 * @param scan of all its messages
 */
export const aheadOf = (conversation: ConversationDocument, { head, newestAt }: Scan): Difference[] => {
  const { lastSeq, lastMessageAt, createdAt, members } = conversation
  const newest = newestAt && newestAt > createdAt ? newestAt : createdAt
  const counts = new Map<string, number>()
  for (const { userId } of members) counts.set(userId.toHexString(), (counts.get(userId.toHexString()) ?? 0) + 1)
  return [
    ...(lastSeq > head ? [{ kind: 'last_seq', stored: lastSeq, expected: head } as const] : []),
    ...(lastMessageAt > newest ? [{ kind: 'last_message_at', stored: iso(lastMessageAt), expected: iso(newest) } as const] : []),
    ...[...counts].flatMap(([userId, count]) => (count > 1 ? [{ kind: 'member_twice', userId, stored: count, expected: 1 } as const] : [])),
    ...members.flatMap(({ userId, joinedSeq }) => memberAhead(userId.toHexString(), 'joinedSeq', joinedSeq, head)),
    ...members.flatMap(({ userId, firstSeq = 1 }) => memberAhead(userId.toHexString(), 'firstSeq', firstSeq, head + 1)),
  ]
}

/** What has not followed the messages: it may yet. */
export const behindOf = ({ lastSeq, lastMessageAt }: Derived, { head, newestAt }: Scan): Difference[] => [
  ...(lastSeq < head ? [{ kind: 'last_seq', stored: lastSeq, expected: head } as const] : []),
  ...(newestAt && lastMessageAt < newestAt
    ? [{ kind: 'last_message_at', stored: iso(lastMessageAt), expected: iso(newestAt) } as const]
    : []),
]

const memberAhead = (userId: string, field: 'joinedSeq' | 'firstSeq', stored: number, expected: number): Difference[] =>
  stored > expected ? [{ kind: 'member_ahead', userId, field, stored, expected }] : []

const iso = (at: Date): string => at.toISOString()
