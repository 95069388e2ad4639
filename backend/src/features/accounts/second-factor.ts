import type { Model } from 'mongoose'
import { Secret, TOTP } from 'otpauth'
import type { Origin } from '../../http/endpoint.js'
import { hashOfToken } from '../../platform/random-tokens.js'
import type { Sealer } from '../../platform/sealed.js'
import type { AuditLog } from '../audit/index.js'
import type { UserDocument } from '../users/index.js'
import type { Verdict } from './proof.js'

interface Dependencies {
  readonly users: Model<UserDocument>
  readonly sealer: Sealer
  readonly audit: AuditLog
}

/** What authenticator apps take without asking (RFC 6238). */
const shape = { algorithm: 'SHA1', digits: 6, period: 30 } as const
/** A step before and after, for clocks that differ. */
const toleratedSteps = 1

/** @returns the step of a code that is right at this moment */
export const stepOf = (secret: string, code: string): number | undefined => {
  const totp = new TOTP({ ...shape, secret: Secret.fromBase32(secret) })
  const delta = totp.validate({ token: code, window: toleratedSteps })
  return delta === null ? undefined : totp.counter() + delta
}

export const totpUrl = (secret: string, issuer: string, label: string): string =>
  new TOTP({ ...shape, issuer, label, secret: Secret.fromBase32(secret) }).toString()

/** However they were typed: capitals, no hyphens. */
export const recoveryHash = (code: string): string => hashOfToken(code.toUpperCase().replaceAll(/[\s-]/g, ''))

/** Judges the code of a person's authenticator, or one of their recovery codes; each is good once. */
export class SecondFactor {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** @returns `right` where they have no second factor; `missing` where they have one, and no code was sent */
  async judge(user: UserDocument, code: string | undefined, origin: Origin): Promise<Verdict> {
    if (!user.totp) return 'right'
    if (code === undefined) return 'missing'
    const isRight = /^\d{6}$/.test(code) ? await this.#useStep(user, code) : await this.#useRecovery(user, code, origin)
    return isRight ? 'right' : 'wrong'
  }

  async #useStep({ _id, totp }: UserDocument, code: string): Promise<boolean> {
    const { users, sealer } = this.#deps
    const owner = _id.toHexString()
    const secret = totp && sealer.look(totp.secret, owner)
    if (!totp || secret === undefined) return false
    const step = stepOf(secret.text, code)
    if (step === undefined) return false
    const filter = { _id, 'totp.secret': totp.secret, 'totp.lastStep': { $lt: step } }
    const resealed = secret.former ? { 'totp.secret': sealer.seal(secret.text, owner) } : {}
    const { modifiedCount } = await users.updateOne(filter, { $set: { 'totp.lastStep': step, ...resealed } })
    return modifiedCount === 1
  }

  async #useRecovery({ _id, role }: UserDocument, code: string, origin: Origin): Promise<boolean> {
    const hash = recoveryHash(code)
    const { modifiedCount } = await this.#deps.users.updateOne(
      { _id, 'totp.recoveryHashes': hash },
      { $pull: { 'totp.recoveryHashes': hash } },
    )
    if (modifiedCount === 0) return false
    const actor = { kind: role ?? 'user', id: _id.toHexString() } as const
    await this.#deps.audit.record({ action: 'totp.recovery_code_used', outcome: 'done', actor, origin })
    return true
  }
}
