import type { Model } from 'mongoose'
import { Problem } from '../../http/problem.js'
import type { UserDocument } from '../users/index.js'
import type { Owner, PasswordPolicy } from './password-policy.js'
import type { Passwords } from './passwords.js'

interface Dependencies {
  readonly users: Model<UserDocument>
  readonly passwords: Passwords
  readonly policy: PasswordPolicy
  /** Of so many passwords, the present one among them, none may come again. */
  readonly preventReuseCount: number
}

/** The passwords of accounts: each change takes place only where the hash is still the one that it was decided by. */
export class AccountPasswords {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** @param path where the password was in the request. @throws Problem validation_failed naming every rule that is not kept */
  require(owner: Owner, password: string, path: string): void {
    this.#deps.policy.require(password, owner, path)
  }

  /** @throws Problem validation_failed where it is one of their last ones */
  async requireNew(user: UserDocument, password: string, path: string): Promise<void> {
    const { passwords, preventReuseCount } = this.#deps
    for (const hash of hashesOf(user).slice(0, preventReuseCount)) {
      if (!(await passwords.verify(hash, password))) continue
      const errors = [{ path, message: `not one of your last ${preventReuseCount}` }]
      throw new Problem('validation_failed', 'The password was used before', { errors })
    }
  }

  /** Ends no session: that is for who knows why it is set. @throws Problem conflict where it was changed meanwhile */
  async set(user: UserDocument, password: string): Promise<void> {
    const { passwords, users, preventReuseCount } = this.#deps
    const passwordHash = await passwords.hash(password)
    const formerPasswordHashes = hashesOf(user).slice(0, Math.max(0, preventReuseCount - 1))
    const { modifiedCount } = await users.updateOne(
      { _id: user._id, passwordHash: user.passwordHash ?? { $exists: false } },
      { $set: { passwordHash, passwordSetAt: new Date(), formerPasswordHashes }, $unset: { mustChangePassword: '' } },
    )
    if (modifiedCount === 0) throw new Problem('conflict', 'The password was changed meanwhile')
  }

  /** Hashes a password anew, which was right. @returns the user with the hash they have now */
  async renewHash(user: UserDocument, password: string): Promise<UserDocument> {
    const { passwords, users } = this.#deps
    if (user.passwordHash === undefined) return user
    const passwordHash = await passwords.hash(password)
    const { modifiedCount } = await users.updateOne({ _id: user._id, passwordHash: user.passwordHash }, { $set: { passwordHash } })
    return modifiedCount === 0 ? user : { ...user, passwordHash }
  }
}

/** Newest first. */
const hashesOf = ({ passwordHash, formerPasswordHashes = [] }: UserDocument): string[] => [
  ...(passwordHash === undefined ? [] : [passwordHash]),
  ...formerPasswordHashes,
]
