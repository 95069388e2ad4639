import type { Model, Types } from 'mongoose'
import type { Caller, Origin } from '../../http/endpoint.js'
import { Problem } from '../../http/problem.js'
import type { OwnCredentials } from '../accounts/index.js'
import type { AuditLog } from '../audit/index.js'
import type { OneTimeCodes } from '../codes/index.js'
import type { JobRunner, JobStore } from '../jobs/index.js'
import { notDeleted, type UserDocument, type UserService } from '../users/index.js'
import type { Closing } from './closing.js'
import type { DeleteMe } from './schema.js'

interface Dependencies {
  readonly users: Pick<UserService, 'get'>
  readonly model: Model<UserDocument>
  readonly ownCredentials: Pick<OwnCredentials, 'confirm'>
  readonly codes: Pick<OneTimeCodes, 'forget'>
  readonly closing: Closing
  readonly jobs: Pick<JobStore, 'begin'>
  readonly runner: Pick<JobRunner, 'wake'>
  readonly audit: AuditLog
}

/** What a person asks for who goes. */
export class AccountDeletion {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * Deletes the caller's account: once this has returned nobody can be signed in to it; the rest is a job's. What is answered by an error may be done all the same.
   * @throws Problem validation_failed where the password is missing, invalid_credentials where it is wrong, conflict for the last administrator
   */
  async delete({ userId }: Caller, { password }: DeleteMe, origin: Origin): Promise<void> {
    const { users, ownCredentials, codes, closing, jobs, runner, audit } = this.#deps
    const action = 'account.deleted'
    const user = await users.get(userId)
    if (password !== undefined) await ownCredentials.confirm(user, password, { action, origin })
    else if (user.passwordHash !== undefined) {
      throw new Problem('validation_failed', undefined, { errors: [{ path: 'body.password', message: 'is needed' }] })
    }
    await this.#stepDown(user)
    await audit.record({ action, outcome: 'done', actor: { kind: user.role ?? 'user', id: userId }, origin })
    await jobs.begin('account_deletion', user._id) // first of all: from here on any worker does what is missing
    await codes.forget(['phone', 'password_reset'], user.phone)
    await closing.close(userId)
    runner.wake()
  }

  /**
   * An administrator is none any more before they go: two who go at once both find nobody left, and both stay. Given back nowhere else: once their deletion may
   * have begun, nobody may count on them.
   */
  async #stepDown({ _id, role }: UserDocument): Promise<void> {
    if (role !== 'admin') return
    const { model } = this.#deps
    await this.#requireAnotherAdministrator(_id)
    const { modifiedCount } = await model.updateOne({ _id, role, ...notDeleted }, { $unset: { role: '' } })
    try {
      await this.#requireAnotherAdministrator(_id)
    } catch (error) {
      if (modifiedCount === 1) await model.updateOne({ _id, ...notDeleted }, { $set: { role } }) // else another request of theirs goes on with it
      throw error
    }
  }

  async #requireAnotherAdministrator(than: Types.ObjectId): Promise<void> {
    const another = { role: 'admin', _id: { $ne: than }, suspendedAt: { $exists: false }, ...notDeleted } as const
    if (!(await this.#deps.model.exists(another).read('primary'))) throw new Problem('conflict', 'There must be an administrator')
  }
}
