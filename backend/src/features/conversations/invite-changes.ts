import { Problem } from '../../http/problem.js'
import type { Arrival } from './arrivals.js'
import type { Change, Situation } from './change.js'
import { memberOf, welcoming } from './member-changes.js'
import type { Invite } from './model.js'
import { requirePermission } from './permissions.js'

const mostInvites = 100

const hasExpired = ({ expiresAt }: Invite, at: Date): boolean => expiresAt !== null && expiresAt <= at

/** @param gone who has deleted their account */
export const isOver = (invite: Invite, at: Date, gone: ReadonlySet<string>): boolean =>
  hasExpired(invite, at) || gone.has(invite.createdBy.toHexString())

const isUsedUp = ({ maxUses, uses }: Invite): boolean => maxUses !== null && uses >= maxUses

/** A group gets another way in; what is over makes room. @param gone who has deleted their account. @throws Problem forbidden, conflict past a hundred */
export const inviting =
  (invite: Omit<Invite, 'createdAt'>, gone: ReadonlySet<string>) =>
  ({ conversation, actor, at }: Situation): Change | undefined => {
    requirePermission(actor.role, 'invite')
    const { invites = [] } = conversation
    if (invites.some(({ id }) => id.equals(invite.id))) return undefined
    const living = invites.filter((each) => !isOver(each, at, gone))
    if (living.length >= mostInvites) throw new Problem('conflict', `A group has at most ${mostInvites} invites: revoke one`)
    return { set: { invites: [...living, { ...invite, createdAt: at }] }, events: [] }
  }

/** @throws Problem forbidden, not_found */
export const revoking =
  (code: string) =>
  ({ conversation, actor }: Situation): Change => {
    requirePermission(actor.role, 'invite')
    const { invites = [] } = conversation
    const left = invites.filter((invite) => invite.code !== code)
    if (left.length === invites.length) throw new Problem('not_found', 'There is no such invite')
    return { set: { invites: left }, events: [] }
  }

/** Somebody comes in by an invite, and it is used once more: one write, so that it is used no more often than it may be. A member already uses nothing. */
export const accepting =
  (userId: string, code: string, arrival: Arrival) =>
  ({ conversation, at }: Omit<Situation, 'actor'>): Change | undefined => {
    const { invites = [] } = conversation
    const invite = invites.find((each) => each.code === code)
    if (!invite) throw new Problem('not_found', 'There is no such invite')
    if (memberOf(conversation, userId)) return undefined
    if (hasExpired(invite, at)) throw new Problem('conflict', 'The invite has expired')
    if (isUsedUp(invite)) throw new Problem('conflict', 'The invite has been used as often as it may be')
    const { set, events } = welcoming([userId], conversation, { ...arrival, at })
    const used = { ...invite, uses: invite.uses + 1 }
    return { set: { ...set, invites: invites.map((each) => (each === invite ? used : each)) }, events }
  }
