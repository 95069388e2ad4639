import type { Model } from 'mongoose'
import { Secret } from 'otpauth'
import type { Caller, Origin } from '../../http/endpoint.js'
import { Problem } from '../../http/problem.js'
import type { Sealer } from '../../platform/sealed.js'
import type { AuditLog } from '../audit/index.js'
import type { SessionService } from '../sessions/index.js'
import type { UserDocument, UserService } from '../users/index.js'
import type { Lockout } from './lockout.js'
import type { Proof } from './proof.js'
import { recoveryHash, type SecondFactor, stepOf, totpUrl } from './second-factor.js'

interface Dependencies {
  readonly users: Pick<UserService, 'get'>
  readonly model: Model<UserDocument>
  readonly sessions: Pick<SessionService, 'revokeAllAround'>
  readonly sealer: Sealer
  readonly audit: AuditLog
  readonly proof: Proof
  readonly lockout: Lockout
  readonly secondFactor: SecondFactor
  /** What the authenticator app shows beside the phone. */
  readonly issuer: string
  /** Administrators have to have one. */
  readonly requiredOfAdmins: boolean
}

const setUpWithinMs = 15 * 60_000
/** RFC 4226: 160 bits. */
const secretBytes = 20
const recoveryCodes = 10
/** 80 bits: nobody guesses that, so a plain hash hides it. */
const recoveryBytes = 10

/** XXXX-XXXX-XXXX-XXXX in base32. */
const newRecoveryCode = (): string => new Secret({ size: recoveryBytes }).base32.replaceAll(/(.{4})(?=.)/g, '$1-')

/** Setting up and removing a second factor. */
export class TotpService {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * Begins to set it up: nothing is asked for yet at sign-in.
   * @throws Problem invalid_credentials where the account has a password and it is not this one; conflict where there is one already
   */
  async begin({ userId }: Caller, password: string | undefined, origin: Origin): Promise<{ secret: string; url: string }> {
    const { users, model, sealer, issuer } = this.#deps
    const user = await users.get(userId)
    await this.#requirePassword(user, password, origin)
    const { base32: secret } = new Secret({ size: secretBytes })
    const totpPending = { secret: sealer.seal(secret, userId), at: new Date() }
    const { modifiedCount } = await model.updateOne({ _id: user._id, totp: { $exists: false } }, { $set: { totpPending } })
    if (modifiedCount === 0) throw new Problem('conflict', 'There is an authenticator already')
    return { secret, url: totpUrl(secret, issuer, user.phone) }
  }

  /**
   * Ends setting it up by a first code; other sessions end. What is answered by an error may be done all the same.
   * @returns the recovery codes, which are never shown again
   * @throws Problem invalid_credentials for a wrong code; conflict where it was not begun, or too long ago
   */
  async confirm({ userId, sessionId }: Caller, code: string, origin: Origin): Promise<string[]> {
    const { users, model, sealer, sessions, lockout } = this.#deps
    const user = await users.get(userId)
    const { _id, totpPending } = user
    const secret = totpPending && sealer.open(totpPending.secret, userId)
    if (!totpPending || secret === undefined || totpPending.at.getTime() + setUpWithinMs < Date.now())
      throw new Problem('conflict', 'Begin to set it up first')
    const attempt = await lockout.begin(user.phone, origin.ip)
    const step = attempt.locked ? undefined : stepOf(secret, code)
    if (step === undefined) {
      await this.#record(user, 'totp.enabled', 'refused', origin)
      throw new Problem('invalid_credentials', undefined, attempt.locked ? { retryAfterSeconds: attempt.retryAfterSeconds } : {})
    }
    const codes = Array.from({ length: recoveryCodes }, newRecoveryCode)
    const totp = { secret: sealer.seal(secret, userId), lastStep: step, recoveryHashes: codes.map(recoveryHash), since: new Date() }
    const ending = { except: sessionId, reason: 'totp_changed' } as const
    await sessions.revokeAllAround(userId, ending, async () => {
      const { modifiedCount } = await model.updateOne(
        { _id, 'totpPending.secret': totpPending.secret },
        { $set: { totp }, $unset: { totpPending: '' } },
      )
      if (modifiedCount === 0) throw new Problem('conflict', 'It was set up another time')
    })
    await attempt.succeeded()
    await this.#record(user, 'totp.enabled', 'done', origin)
    return codes
  }

  /**
   * @throws Problem invalid_credentials where the password or the code is wrong; conflict where there is none; forbidden for an administrator who has to
   * have one
   */
  async remove({ userId }: Caller, { password, code }: { password?: string | undefined; code: string }, origin: Origin): Promise<void> {
    const { users, model, requiredOfAdmins } = this.#deps
    const user = await users.get(userId)
    if (!user.totp) throw new Problem('conflict', 'There is no authenticator')
    if (requiredOfAdmins && user.role === 'admin') throw new Problem('forbidden', 'Administrators have to have one')
    await this.#requireBoth(user, password, code, origin)
    await model.updateOne({ _id: user._id }, { $unset: { totp: '', totpPending: '' } })
    await this.#record(user, 'totp.disabled', 'done', origin)
  }

  async #requirePassword(user: UserDocument, password: string | undefined, origin: Origin): Promise<void> {
    if (user.passwordHash === undefined) return
    await this.#deps.proof.require({ account: user.phone, user, password: password ?? '', origin, action: 'password.confirmed' })
  }

  async #requireBoth(user: UserDocument, password: string | undefined, code: string, origin: Origin): Promise<void> {
    const { proof, secondFactor } = this.#deps
    const claim = {
      account: user.phone,
      user,
      password: user.passwordHash === undefined ? undefined : (password ?? ''),
      origin,
      action: 'totp.disabled',
    }
    await proof.require(claim, (known) => secondFactor.judge(known, code, origin))
  }

  #record({ _id, role }: UserDocument, action: string, outcome: 'done' | 'refused', origin: Origin): Promise<void> {
    return this.#deps.audit.record({ action, outcome, actor: { kind: role ?? 'user', id: _id.toHexString() }, origin })
  }
}
