import type { Origin } from '../../http/endpoint.js'
import { Problem } from '../../http/problem.js'
import type { AuditLog } from '../audit/index.js'
import type { SessionService } from '../sessions/index.js'
import type { UserDocument, UserIdentities } from '../users/index.js'
import type { OneTimeTokens } from './one-time-tokens.js'

interface Dependencies {
  readonly identities: UserIdentities
  readonly sessions: Pick<SessionService, 'revokeAll'>
  readonly tokens: OneTimeTokens
  readonly audit: AuditLog
}

/** What it means for an account that somebody has proved its phone to be theirs. */
export class PhoneProof {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * An account whose phone was never proved may have been made by anybody: who proves the phone owns it, and whatever else opened it is void.
   * Its password goes first and the proof is noted last, so that what a crash leaves undone is done at the next proof.
   * @throws Problem invalid_credentials where the phone is not the account's any more
   */
  async note(user: UserDocument, origin: Origin): Promise<UserDocument> {
    if (user.phoneVerifiedAt) return user
    const { identities, sessions, tokens, audit } = this.#deps
    const userId = user._id.toHexString()
    await identities.disown(userId)
    await tokens.forget(['email', 'password_reset'], userId)
    await sessions.revokeAll(userId, { reason: 'phone_proved' })
    const proved = await identities.noteProof(userId, user.phone)
    if (!proved) throw new Problem('invalid_credentials')
    const actor = { kind: 'user', id: userId } as const
    await audit.record({ action: 'phone.proved', outcome: 'done', actor, origin })
    return proved
  }
}
