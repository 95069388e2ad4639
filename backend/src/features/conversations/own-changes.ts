import type { Change, Situation } from './change.js'
import type { ConversationDocument, Member } from './model.js'
import { isArchived, isHidden, isMuted } from './own-state.js'
import { isPinned, pinOf, withoutPinsOf } from './pins.js'
import type { OwnSettings } from './schema.js'

/**
 * What a member makes of a conversation for themselves: told to their own devices alone. What is archived is not pinned, and the other way round.
 * @param head the seq of its newest message @param slot which of their pins, where it is to be pinned
 */
export const settingOwn =
  (input: OwnSettings, { head, slot }: { readonly head: number; readonly slot: number }) =>
  ({ conversation, actor, at }: Situation): Change | undefined => {
    const userId = actor.userId.toHexString()
    const before = {
      archived: isArchived(conversation, actor, at),
      pinned: isPinned(conversation, userId),
      mutedUntil: isMuted(actor, at) ? actor.mutedUntil : undefined,
    }
    const archived = input.archived ?? (input.pinned ? false : before.archived)
    const pinned = input.pinned ?? (input.archived ? false : before.pinned)
    const mutedUntil = input.mutedUntil === undefined ? before.mutedUntil : untilAfter(input.mutedUntil, at)
    const same = archived === before.archived && pinned === before.pinned && mutedUntil?.getTime() === before.mutedUntil?.getTime()
    if (same) return undefined
    const { archivedSeq: _, mutedUntil: __, hiddenSeq, ...rest } = actor
    const archivedSeq = Math.max(conversation.lastSeq, head)
    const staysOff = hiddenSeq !== undefined && !input.archived && !input.pinned // who archives or pins it has it on a list again
    const changed: Member = {
      ...rest,
      ...(staysOff && { hiddenSeq }),
      ...(archived && { archivedSeq }),
      ...(mutedUntil && { mutedUntil }),
    }
    const pins = pinned === before.pinned ? conversation.pins : pinsAfter(conversation, userId, pinned ? slot : undefined)
    return {
      set: { members: replacing(conversation, changed), ...(pins && { pins }) },
      events: [toldToOneself('conversation.updated', userId)],
    }
  }

/** A direct conversation leaves one's own list, until a message comes. @param head the seq of its newest message */
export const hiding =
  (head: number) =>
  ({ conversation, actor }: Situation): Change | undefined => {
    if (isHidden(conversation, actor)) return undefined
    const userId = actor.userId.toHexString()
    const { archivedSeq: _, ...rest } = actor
    const members = replacing(conversation, { ...rest, hiddenSeq: Math.max(conversation.lastSeq, head) })
    return { set: { members, pins: pinsAfter(conversation, userId, undefined) }, events: [toldToOneself('conversation.deleted', userId)] }
  }

/** What is over is none. */
const untilAfter = (time: Date | null, at: Date): Date | undefined => (time !== null && time > at ? time : undefined)

const replacing = ({ members }: ConversationDocument, changed: Member): Member[] =>
  members.map((member) => (member.userId.equals(changed.userId) ? changed : member))

const pinsAfter = ({ pins = [] }: ConversationDocument, userId: string, slot: number | undefined): string[] => [
  ...withoutPinsOf(pins, userId),
  ...(slot === undefined ? [] : [pinOf(userId, slot)]),
]

const toldToOneself = (type: 'conversation.updated' | 'conversation.deleted', userId: string): Change['events'][number] => ({
  type,
  data: { userIds: userId, own: 'true' },
})
