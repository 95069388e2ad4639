import type { Origin } from '../../http/endpoint.js'
import { Problem } from '../../http/problem.js'
import type { AuditLog } from '../audit/index.js'
import type { UserDocument } from '../users/index.js'
import type { AccountPasswords } from './account-passwords.js'
import type { Attempt, Lockout } from './lockout.js'
import type { Match, Passwords } from './passwords.js'

interface Dependencies {
  readonly passwords: Passwords
  readonly accountPasswords: AccountPasswords
  readonly lockout: Lockout
  readonly audit: AuditLog
}

/** What somebody shows to prove that they are who they say. */
export interface Claim {
  /** What they call the account: a phone or a mail address. */
  readonly account: string
  /** Whose account that is; null where it is nobody's, which takes as long and is answered alike. */
  readonly user: UserDocument | null
  /** Absent where the account is known to have none: then `next` alone judges. */
  readonly password: string | undefined
  readonly origin: Origin
  /** What they prove it for, as the audit log calls it. */
  readonly action: string
}

/** Judges passwords: counted against guessing, recorded where they are wrong, hashed anew where the hash is of another day. */
export class Proof {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * @param next what else has to be right, judged once the password is
   * @returns the user, with the hash they have now
   * @throws Problem invalid_credentials, whether the account or the password is wrong or it is locked; what `next` throws
   */
  async require(claim: Claim, next?: (user: UserDocument) => Promise<Verdict>): Promise<UserDocument> {
    const { passwords, lockout } = this.#deps
    const { account, user, password, origin } = claim
    const attempt = await lockout.begin(account, origin.ip)
    if (attempt.locked) return this.#refuse(claim, attempt, 'locked')
    const match = password === undefined ? withoutPassword(user) : await passwords.match(user?.passwordHash, password)
    if (!user || match === 'wrong') return this.#refuse(claim, attempt, 'password')
    const verdict = (await next?.(user)) ?? 'right'
    if (verdict === 'wrong') return this.#refuse(claim, attempt, 'totp')
    if (verdict === 'missing') {
      await attempt.takeBack()
      throw new Problem('totp_required')
    }
    await attempt.succeeded()
    return password !== undefined && match === 'outdated' ? this.#deps.accountPasswords.renewHash(user, password) : user
  }

  async #refuse({ user, origin, action }: Claim, attempt: Attempt, reason: 'locked' | 'password' | 'totp'): Promise<never> {
    const { audit } = this.#deps
    const actor = { kind: user?.role ?? 'user', ...(user && { id: user._id.toHexString() }) } as const
    await audit.record({ action, outcome: 'refused', actor, origin, detail: { by: 'password', reason } })
    if (attempt.last) await audit.record({ action: 'account.locked', outcome: 'done', actor, origin })
    const bars = attempt.locked || attempt.last
    throw new Problem('invalid_credentials', undefined, bars ? { retryAfterSeconds: attempt.retryAfterSeconds } : {})
  }
}

const withoutPassword = (user: UserDocument | null): Match => (user?.passwordHash === undefined ? 'right' : 'wrong')

export type Verdict = 'right' | 'wrong' | 'missing'
