import type { Caller, Origin } from '../../http/endpoint.js'
import { toObjectId } from '../../http/ids.js'
import { Problem } from '../../http/problem.js'
import { hashOfToken } from '../../platform/random-tokens.js'
import type { AuditLog } from '../audit/index.js'
import type { UserService } from '../users/index.js'
import type { Challenge, Challenges } from './challenges.js'
import type { ChallengeDocument } from './model.js'
import type { Watch } from './watch.js'

interface Dependencies {
  readonly challenges: Challenges
  readonly watch: Pick<Watch, 'moved'>
  readonly users: Pick<UserService, 'get'>
  readonly audit: Pick<AuditLog, 'record'>
}

type Act = { readonly caller: Caller; readonly origin: Origin }

/** What a phone does whose person is signed in: it scans, is told what and where asks, and approves by the number that the browser shows. */
export class QrPhoneSide {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * Takes a challenge for this phone; scanning again is safe. A second phone has it denied: one of the two was not meant to see it.
   * @throws Problem not_found where the token is nobody's or has expired, conflict where another phone was first or it is decided already
   */
  async scan(token: string, { caller, origin }: Act): Promise<ChallengeDocument> {
    const { challenges, watch, users } = this.#deps
    const tokenHash = hashOfToken(token)
    const [pending, { name }] = await Promise.all([challenges.byTokenHash(tokenHash), users.get(caller.userId)])
    const scanner = { ...idsOf(caller), name }
    const scanned = pending && (await challenges.move(pending._id, { status: 'pending' }, { status: 'scanned', scanner }))
    if (scanned) {
      watch.moved(scanned._id.toHexString())
      return scanned
    }
    const found = pending && (await challenges.byId(pending._id))
    if (!found || found.now === 'expired') throw new Problem('not_found', 'This QR code has expired or was never one')
    if (found.now === 'scanned' && isScannedBy(found, caller)) return found
    if (found.now === 'scanned' && (await this.#denied(found, caller, origin, 'second_scan')))
      throw new Problem('conflict', 'Another phone has scanned this QR code: the sign-in was denied')
    throw new Problem('conflict', 'This QR code was used')
  }

  /**
   * Approves, where the number is the browser's. A wrong one denies at once. Approving again is safe.
   * @throws Problem not_found where this phone has not scanned it, forbidden for a wrong number, conflict where it is decided or has expired
   */
  async approve(id: string, code: string, { caller, origin }: Act): Promise<void> {
    const { challenges, watch, audit } = this.#deps
    const approved = await challenges.move(toObjectId(id), { ...scannedBy(caller), status: 'scanned', code }, { status: 'approved' })
    if (approved) {
      await audit.record({ ...entryOf(approved, caller, origin), action: 'qr.approved', outcome: 'done' })
      watch.moved(id)
      return
    }
    const found = await this.#scanned(id, caller)
    if ((found.now === 'approved' || found.now === 'used') && found.code === code) return
    if (found.now === 'scanned' && found.code !== code && (await this.#denied(found, caller, origin, 'wrong_number')))
      throw new Problem('forbidden', 'This is not the number that the browser shows: the sign-in was denied')
    throw new Problem('conflict', found.now === 'expired' ? 'The sign-in has expired' : 'The sign-in was decided already')
  }

  /**
   * Denies; what is approved and not used yet, too. Denying again, or what has expired, is safe.
   * @throws Problem not_found where this phone has not scanned it, conflict where the browser has its session
   */
  async deny(id: string, { caller, origin }: Act): Promise<void> {
    const found = await this.#scanned(id, caller)
    if (found.now === 'denied' || found.now === 'expired') return
    if (found.now === 'used' || !(await this.#denied(found, caller, origin, 'person')))
      throw new Problem('conflict', 'The browser is signed in already')
  }

  async #scanned(id: string, caller: Caller): Promise<Challenge> {
    const found = await this.#deps.challenges.byId(toObjectId(id))
    if (!found || !isScannedBy(found, caller)) throw new Problem('not_found')
    return found
  }

  /** @returns false where it was decided meanwhile */
  async #denied(found: Challenge, caller: Caller, origin: Origin, reason: 'person' | 'wrong_number' | 'second_scan'): Promise<boolean> {
    const { challenges, watch, audit } = this.#deps
    const { _id } = found
    const move =
      found.now === 'approved'
        ? challenges.moveApproved(_id, {}, { status: 'denied' })
        : challenges.move(_id, { status: 'scanned' }, { status: 'denied' })
    const denied = await move
    if (!denied) return false
    const entry = entryOf(denied, caller, origin)
    const outcome = reason === 'person' ? 'done' : 'refused'
    await audit.record({ ...entry, action: 'qr.denied', outcome, detail: { ...entry.detail, reason } })
    watch.moved(_id.toHexString())
    return true
  }
}

const idsOf = ({ userId, sessionId }: Caller) => ({ userId: toObjectId(userId), sessionId: toObjectId(sessionId) })

const scannedBy = (caller: Caller) => {
  const { userId, sessionId } = idsOf(caller)
  return { 'scanner.userId': userId, 'scanner.sessionId': sessionId }
}

const isScannedBy = ({ scanner }: ChallengeDocument, { userId, sessionId }: Caller): boolean =>
  scanner?.userId.toHexString() === userId && scanner.sessionId.toHexString() === sessionId

const entryOf = (challenge: ChallengeDocument, { userId }: Caller, origin: Origin) => ({
  actor: { kind: 'user' as const, id: userId },
  target: { kind: 'qr', id: challenge._id.toHexString() },
  origin,
  detail: { browserIp: challenge.origin.ip },
})
