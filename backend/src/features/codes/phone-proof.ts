import type { Origin } from '../../http/endpoint.js'
import { Problem } from '../../http/problem.js'
import type { AuditLog } from '../audit/index.js'
import type { RevocationReason, SessionService } from '../sessions/index.js'
import type { UserDocument, UserIdentities } from '../users/index.js'
import type { OneTimeTokens } from './one-time-tokens.js'

interface Dependencies {
  readonly identities: UserIdentities
  readonly sessions: Pick<SessionService, 'revokeAll'>
  readonly tokens: OneTimeTokens
  readonly audit: AuditLog
}

/**
 * Nobody has proved the account's phone: it may have been made by anybody, and whatever else they set up to open it counts for nothing.
 * Not an administrator's: an operator made it, and vouches for the phone.
 */
export const opensByPhoneAlone = ({ phoneVerifiedAt, role }: UserDocument): boolean => !phoneVerifiedAt && role !== 'admin'

/** What it means for an account that somebody has proved its phone to be theirs. */
export class PhoneProof {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * Of an account whose phone nobody had proved, whatever else opened it is void: who proves the phone owns it.
   * Its password goes first and the proof is noted last, so that what a crash leaves undone is done at the next proof.
   * @throws Problem invalid_credentials where the phone is not the account's any more
   */
  async note(user: UserDocument, origin: Origin): Promise<UserDocument> {
    if (user.phoneVerifiedAt) return user
    const { identities, audit } = this.#deps
    const userId = user._id.toHexString()
    if (opensByPhoneAlone(user)) await this.disown(userId, 'phone_proved')
    const proved = await identities.noteProof(userId, user.phone)
    if (!proved) throw new Problem('invalid_credentials')
    const actor = { kind: proved.role ?? 'user', id: userId } as const
    await audit.record({ action: 'phone.proved', outcome: 'done', actor, origin })
    return proved
  }

  /** Takes from an account all that opens it but its phone, and ends its sessions. */
  async disown(userId: string, reason: RevocationReason): Promise<void> {
    const { identities, sessions, tokens } = this.#deps
    await identities.disown(userId)
    await tokens.forget(['email', 'password_reset'], userId)
    await sessions.revokeAll(userId, { reason })
  }
}
