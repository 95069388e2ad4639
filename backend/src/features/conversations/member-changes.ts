import { toObjectId } from '../../http/ids.js'
import { Problem } from '../../http/problem.js'
import type { Arrival } from './arrivals.js'
import { type Change, memberEvent, type Situation } from './change.js'
import { type ConversationDocument, type Member, type Role, settingsOf } from './model.js'
import { requirePermission } from './permissions.js'
import { mostMembers } from './schema.js'

/** The longest-standing first; of those who came at once, by id. */
export const bySeniority = (one: Member, other: Member): number =>
  one.joinedAt.getTime() - other.joinedAt.getTime() || one.userId.toHexString().localeCompare(other.userId.toHexString())

export const memberOf = (conversation: ConversationDocument, userId: string): Member | undefined =>
  conversation.members.find((member) => member.userId.toHexString() === userId)

/**
 * Who of these is no member yet comes in. @param unknown those of them who are nobody
 * @throws Problem forbidden, validation_failed for unknown people, conflict where the group would be too large
 */
export const adding =
  (userIds: readonly string[], { unknown, ...arrival }: Arrival & { unknown: ReadonlySet<string> }) =>
  ({ conversation, actor, at }: Situation): Change | undefined => {
    requirePermission(actor.role, 'addMembers')
    const present = new Set(conversation.members.map(({ userId }) => userId.toHexString()))
    const stranger = userIds.findIndex((id) => unknown.has(id) && !present.has(id))
    if (stranger !== -1) throw nobody(stranger)
    const strangers = userIds.filter((id) => !present.has(id))
    return strangers.length === 0 ? undefined : welcoming(strangers, conversation, { ...arrival, at })
  }

/** These people come in. @throws Problem conflict where the group would be too large */
export const welcoming = (
  userIds: readonly string[],
  conversation: ConversationDocument,
  { since, head, at }: Arrival & { at: Date },
): Change => {
  const newcomers = userIds.map((id) => newcomer(id, conversation, { at, head }))
  const members = [...conversation.members, ...newcomers]
  if (members.length > mostMembers) throw new Problem('conflict', `A group has at most ${mostMembers} members`)
  const { type, data } = memberEvent('member.added', newcomers, { role: 'member', joinedAt: at })
  return { set: { members }, events: [{ type, data: { ...data, ...(since !== undefined && { since }) } }] }
}

/** Where history is by joining, all that was said before they came does not exist for them as long as they stay. */
const newcomer = (userId: string, conversation: ConversationDocument, { at, head }: { at: Date; head: number }): Member => {
  const firstSeq = settingsOf(conversation).history === 'joined' ? { firstSeq: head + 1 } : {} // not by lastSeq: what came after the head is told to them
  return { userId: toObjectId(userId), role: 'member', joinedAt: at, joinedSeq: head, ...firstSeq }
}

/** Somebody gets another role; who makes another the owner becomes an admin. @throws Problem forbidden, not_found, conflict for the owner's own role */
export const changingRole =
  (userId: string, role: Role) =>
  ({ conversation, actor }: Situation): Change | undefined => {
    requirePermission(actor.role, 'changeRoles')
    const member = memberOf(conversation, userId)
    if (!member) throw new Problem('not_found', 'There is no such member')
    if (member.role === role) return undefined
    if (member === actor) throw new Problem('conflict', 'The owner stays the owner until somebody else is made the owner')
    const changed = [{ ...member, role }, ...(role === 'owner' ? [{ ...actor, role: 'admin' as const }] : [])]
    return { set: { members: replaced(conversation.members, changed) }, events: changed.map(updated) }
  }

/** Somebody is sent away. @throws Problem forbidden, not_found, conflict for oneself */
export const removing =
  (userId: string) =>
  ({ conversation, actor }: Situation): Change => {
    const member = memberOf(conversation, userId)
    if (member === actor) throw new Problem('conflict', 'To go oneself is to leave: POST …/leave')
    requirePermission(actor.role, `remove:${member?.role ?? 'member'}`)
    if (!member) throw new Problem('not_found', 'There is no such member')
    return { set: { members: without(conversation.members, member) }, events: [memberEvent('member.removed', [member], member)] }
  }

/** Somebody goes. An owner leaves the group to the longest-standing admin, else member; who goes last closes it. */
export const leaving = ({ conversation, actor, at }: Situation): Change => {
  const members = without(conversation.members, actor)
  const gone = memberEvent('member.removed', [actor], actor)
  const heir = actor.role === 'owner' ? heirAmong(members) : undefined
  if (members.length === 0) return { set: { members, deletedAt: at }, events: [gone] }
  if (!heir) return { set: { members }, events: [gone] }
  const owner = { ...heir, role: 'owner' as const }
  return { set: { members: replaced(members, [owner]) }, events: [gone, updated(owner)] }
}

const heirAmong = (members: readonly Member[]): Member | undefined => {
  const admins = members.filter(({ role }) => role === 'admin')
  return (admins.length > 0 ? admins : members).toSorted(bySeniority)[0]
}

const updated = (member: Member) => memberEvent('member.updated', [member], member)

const without = (members: readonly Member[], gone: Member): Member[] => members.filter((member) => member !== gone)

const replaced = (members: readonly Member[], changed: readonly Member[]): Member[] =>
  members.map((member) => changed.find(({ userId }) => userId.equals(member.userId)) ?? member)

const nobody = (index: number): Problem =>
  new Problem('validation_failed', undefined, { errors: [{ path: `body.userIds.${index}`, message: 'there is no such person' }] })
