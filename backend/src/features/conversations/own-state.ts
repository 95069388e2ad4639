import type { QueryFilter, Types } from 'mongoose'
import type { ConversationDocument, Member } from './model.js'

type Read = Pick<ConversationDocument, 'lastSeq'>

export const isMuted = ({ mutedUntil }: Member, at: Date): boolean => mutedUntil !== undefined && mutedUntil > at

/** A message that comes later takes it out of the archive, unless it is muted. Derived, so that no message has to write it. */
export const isArchived = ({ lastSeq }: Read, member: Member, at: Date): boolean =>
  member.archivedSeq !== undefined && (lastSeq <= member.archivedSeq || isMuted(member, at))

/** Off one's own list, until a message comes. */
export const isHidden = ({ lastSeq }: Read, { hiddenSeq }: Member): boolean => hiddenSeq !== undefined && lastSeq <= hiddenSeq

const mine = (userId: Types.ObjectId) => ({
  $arrayElemAt: [{ $filter: { input: '$members', as: 'member', cond: { $eq: ['$$member.userId', userId] } } }, 0],
})

const having = (userId: Types.ObjectId, field: 'archivedSeq' | 'hiddenSeq') => ({
  members: { $elemMatch: { userId, [field]: { $exists: true } } }, // first: most members have neither, and no expression is made for them
})

/** `isArchived`, as a filter. */
export const archivedBy = (userId: Types.ObjectId, at: Date): QueryFilter<ConversationDocument> => ({
  ...having(userId, 'archivedSeq'),
  $expr: {
    $let: {
      vars: { mine: mine(userId) },
      in: { $or: [{ $gte: ['$$mine.archivedSeq', '$lastSeq'] }, { $gt: ['$$mine.mutedUntil', at] }] },
    },
  },
})

/** `isHidden`, as a filter. */
export const hiddenBy = (userId: Types.ObjectId): QueryFilter<ConversationDocument> => ({
  ...having(userId, 'hiddenSeq'),
  $expr: { $let: { vars: { mine: mine(userId) }, in: { $gte: ['$$mine.hiddenSeq', '$lastSeq'] } } },
})
