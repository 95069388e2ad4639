import type { Model } from 'mongoose'
import type { Caller } from '../../http/endpoint.js'
import { Id, toObjectId } from '../../http/ids.js'
import { decodeCursor, encodeCursor } from '../../http/page.js'
import { Problem } from '../../http/problem.js'
import { newToken } from '../../platform/random-tokens.js'
import type { Outbox, OutboxSource } from '../../realtime/outbox.js'
import type { Blocks } from '../blocks/index.js'
import type { UserService } from '../users/index.js'
import type { Arrivals } from './arrivals.js'
import type { Changes } from './changes.js'
import { accepting, inviting, isOver, revoking } from './invite-changes.js'
import type { MakeInvite } from './invite-schema.js'
import { memberOf } from './member-changes.js'
import type { ConversationDocument, Invite } from './model.js'
import { requirePermission } from './permissions.js'

interface Dependencies {
  readonly conversations: Model<ConversationDocument>
  readonly changes: Changes
  readonly arrivals: Arrivals
  readonly blocks: Pick<Blocks, 'around'>
  readonly users: Pick<UserService, 'unknownAmong'>
  readonly outbox: Outbox
  readonly source: OutboxSource
}

const codeBytes = 16

/** Ways into groups for whoever has a code. */
export class Invites {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** @param newId its id; what has it already is returned. @throws Problem not_found, forbidden, conflict past a hundred or for a direct conversation */
  async make(caller: Caller, conversationId: string, { expiresAt, maxUses }: MakeInvite, newId: string): Promise<Invite> {
    const { conversations, changes } = this.#deps
    const id = toObjectId(newId)
    const found = await conversations.findById(toObjectId(conversationId)).select('+invites').read('primary').lean()
    const gone = await this.#goneMakers(found?.invites ?? [])
    const fresh = { id, code: newToken(codeBytes), createdBy: toObjectId(caller.userId), expiresAt, maxUses, uses: 0 }
    await changes.apply(caller, conversationId, inviting(fresh, gone))
    const made = (await this.#of(caller, conversationId)).find((invite) => invite.id.equals(id))
    if (!made) throw new Problem('not_found', 'The invite was revoked at once')
    return made
  }

  /** Those that are good still, the newest first. @throws Problem not_found, forbidden, validation_failed for a bad cursor */
  async list(
    caller: Caller,
    conversationId: string,
    page: { cursor?: string | undefined; limit: number },
  ): Promise<{ items: Invite[]; nextCursor: string | null }> {
    const before = page.cursor === undefined ? undefined : decodeCursor(Id, page.cursor)
    const now = new Date()
    const all = await this.#of(caller, conversationId)
    const gone = await this.#goneMakers(all)
    const living = all.filter((invite) => !isOver(invite, now, gone))
    const sorted = living.toSorted((one, other) => (one.id.toHexString() < other.id.toHexString() ? 1 : -1))
    const rest = before === undefined ? sorted : sorted.filter(({ id }) => id.toHexString() < before)
    const items = rest.slice(0, page.limit)
    const last = rest.length > page.limit ? items.at(-1) : undefined
    return { items, nextCursor: last ? encodeCursor(last.id.toHexString()) : null }
  }

  /**
   * Comes in by an invite; who is a member already stays one, and uses nothing.
   * @throws Problem not_found where there is none, its maker has deleted their account, or they or the group's owner have blocked the caller; conflict where it has expired, is used up,
   * or the group is full
   */
  async accept(caller: Caller, code: string): Promise<ConversationDocument> {
    const { conversations, changes, arrivals, blocks, outbox, source } = this.#deps
    const found = await conversations
      .findOne({ 'invites.code': code, deletedAt: { $exists: false } })
      .select('+invites')
      .read('primary')
      .lean()
    const invite = found?.invites?.find((each) => each.code === code)
    if (!found || !invite || (await this.#goneMakers([invite])).size > 0) throw noInvite()
    const owner = found.members.find(({ role }) => role === 'owner')
    const hosts = [invite.createdBy, ...(owner ? [owner.userId] : [])].map((id) => id.toHexString())
    const others = hosts.filter((id) => id !== caller.userId)
    if ((await blocks.around(caller.userId, others)).blockers.size > 0) throw noInvite() // who is blocked is not told so
    const conversationId = found._id.toHexString()
    const arrival = await arrivals.at(conversationId)
    const change = accepting(caller.userId, code, arrival)
    const { conversation, changed } = await changes.applyInvited(caller, conversationId, code, change)
    if (changed) outbox.publish(source, [conversation]) // the sweeper publishes it if this worker dies first
    return conversation
  }

  /** @throws Problem not_found where there is none in a conversation of the caller's, forbidden */
  async revoke(caller: Caller, code: string): Promise<void> {
    const { conversations, changes } = this.#deps
    const found = await conversations
      .findOne({ 'invites.code': code, 'members.userId': toObjectId(caller.userId) }, { _id: 1 })
      .read('primary')
      .lean()
    if (!found) throw noInvite()
    await changes.apply(caller, found._id.toHexString(), revoking(code))
  }

  /** Who has deleted their account: what they made ends with it. */
  async #goneMakers(invites: readonly Invite[]): Promise<ReadonlySet<string>> {
    const makers = new Set(invites.map(({ createdBy }) => createdBy.toHexString()))
    return new Set(makers.size > 0 ? await this.#deps.users.unknownAmong([...makers]) : [])
  }

  async #of(caller: Caller, conversationId: string): Promise<Invite[]> {
    const conversation = await this.#deps.conversations
      .findOne({ _id: toObjectId(conversationId), 'members.userId': toObjectId(caller.userId) })
      .select('+invites')
      .read('primary')
      .lean()
    const member = conversation && memberOf(conversation, caller.userId)
    if (!member) throw new Problem('not_found')
    requirePermission(member.role, 'invite')
    return conversation.invites ?? []
  }
}

const noInvite = (): Problem => new Problem('not_found', 'There is no such invite')
