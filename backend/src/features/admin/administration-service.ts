import type { Model, Types } from 'mongoose'
import { toObjectId } from '../../http/ids.js'
import { Problem } from '../../http/problem.js'
import type { ReadPreference } from '../../platform/read-preference.js'
import type { AuditLog } from '../audit/index.js'
import type { SessionDocument, SessionService } from '../sessions/index.js'
import { notDeleted, type UserDocument } from '../users/index.js'
import type { By } from './by.js'
import { findUsers } from './find-users.js'
import type { UsersQuery } from './schema.js'

interface Dependencies {
  readonly users: Model<UserDocument>
  readonly sessions: Pick<SessionService, 'revoke' | 'revokeAll'>
  readonly sessionModel: Model<SessionDocument>
  readonly audit: Pick<AuditLog, 'record'>
  /** Where the list of people is read: it may be behind, and what is done to somebody is decided by the primary's. */
  readonly listsFrom: ReadPreference
}

const mostSessions = 100

/** What administrators do with people. Each act may be asked again: what is missing of it is done, and it is recorded once more. */
export class AdministrationService {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** @throws Problem validation_failed for a cursor that is none */
  async list(query: UsersQuery, by: By): Promise<{ items: UserDocument[]; nextCursor: string | null }> {
    const page = await findUsers(this.#deps.users, query, this.#deps.listsFrom)
    await this.#deps.audit.record({ action: 'users.listed', outcome: 'done', ...by })
    return page
  }

  /** Ends a person's sessions and lets them sign in no more. @throws Problem not_found; conflict for oneself and the last administrator */
  async suspend(userId: string, by: By): Promise<UserDocument> {
    const { users, sessions } = this.#deps
    if (userId === by.actor.id) throw new Problem('conflict', 'Nobody suspends themselves')
    const since = new Date()
    const before = await users
      .findOne({ _id: toObjectId(userId), ...notDeleted })
      .read('primary')
      .lean()
    if (!before) throw new Problem('not_found')
    if (!before.suspendedAt) {
      await users.updateOne({ _id: before._id, suspendedAt: { $exists: false }, ...notDeleted }, { $set: { suspendedAt: since } })
      if (before.role === 'admin') await this.#keepOneAdministrator(before, since)
    }
    await sessions.revokeAll(userId, { reason: 'suspended' })
    return this.#done('user.suspended', userId, by)
  }

  /** @throws Problem not_found */
  async reinstate(userId: string, by: By): Promise<UserDocument> {
    await this.#deps.users.updateOne({ _id: toObjectId(userId) }, { $unset: { suspendedAt: '' } })
    return this.#done('user.reinstated', userId, by)
  }

  /** Ends a person's sessions; they may sign in again. @throws Problem not_found */
  async endSessions(userId: string, by: By): Promise<void> {
    if (!(await this.#deps.users.exists({ _id: toObjectId(userId), ...notDeleted }))) throw new Problem('not_found')
    await this.#deps.sessions.revokeAll(userId, { reason: 'ended_by_admin' })
    await this.#done('user.sessions_ended', userId, by)
  }

  /** Ends one session of a person. @returns false where they have no such session, or it has ended. @throws Problem not_found */
  async endSession(userId: string, sessionId: string, by: By): Promise<boolean> {
    if (!(await this.#deps.sessions.revoke({ userId, sessionId }, 'ended_by_admin'))) return false
    await this.#done('user.session_ended', userId, by, { sessionId })
    return true
  }

  /** The sessions that a person has, at most 100, the one used last first. @throws Problem not_found */
  async sessionsOf(userId: Types.ObjectId, by: By): Promise<SessionDocument[]> {
    const sessions = await this.#deps.sessionModel
      .find({ userId, revokedAt: { $exists: false }, expiresAt: { $gt: new Date() } })
      .sort({ lastSeenAt: -1 })
      .limit(mostSessions)
      .read('primary')
      .lean()
    await this.#done('user.sessions_listed', userId.toHexString(), by)
    return sessions
  }

  /** Two administrators who suspend each other at once both find nobody left, and both undo it. */
  async #keepOneAdministrator({ _id }: UserDocument, since: Date): Promise<void> {
    const { users } = this.#deps
    if (
      await users
        .findOne({ role: 'admin', suspendedAt: { $exists: false } }, { _id: 1 })
        .read('primary')
        .lean()
    )
      return
    await users.updateOne({ _id, suspendedAt: since }, { $unset: { suspendedAt: '' } })
    throw new Problem('conflict', 'There must be an administrator')
  }

  async #done(action: string, userId: string, by: By, detail?: { sessionId: string }): Promise<UserDocument> {
    const user = await this.#deps.users
      .findOne({ _id: toObjectId(userId), ...notDeleted })
      .read('primary')
      .lean()
    if (!user) throw new Problem('not_found')
    await this.#deps.audit.record({ action, outcome: 'done', target: { kind: 'user', id: userId }, ...by, ...(detail && { detail }) })
    return user
  }
}
