import { createHash, timingSafeEqual } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { Origin } from '../../http/endpoint.js'
import { toObjectId } from '../../http/ids.js'
import { Problem } from '../../http/problem.js'
import { hashOfToken, newToken } from '../../platform/random-tokens.js'
import type { Hub } from '../../realtime/hub.js'
import type { AuditLog } from '../audit/index.js'
import type { SessionService } from '../sessions/index.js'
import type { UserDocument, UserService } from '../users/index.js'
import { ChallengeStream } from './challenge-stream.js'
import type { Challenge, Challenges } from './challenges.js'
import { newChoices } from './choices.js'
import type { ChallengeDocument, Scanner } from './model.js'
import type { QrStatus, StartQr } from './schema.js'
import { stateOf } from './view.js'
import type { Watch } from './watch.js'

interface Dependencies {
  readonly challenges: Challenges
  readonly watch: Watch
  readonly hub: Pick<Hub, 'draining'>
  readonly users: Pick<UserService, 'get'>
  readonly sessions: Pick<SessionService, 'open' | 'endOf' | 'revoke'>
  readonly audit: Pick<AuditLog, 'record'>
  /** The page that opens the app; the token goes behind its #, which no server or proxy is told. */
  readonly pageUrl: string
}

type SignIn = Awaited<ReturnType<SessionService['open']>> & { readonly user: UserDocument }

const tokenBytes = 18
const mostStreams = 10_000

const whyNoSession: Record<QrStatus, string> = {
  pending: 'No phone has scanned it yet',
  scanned: 'The phone has not approved it yet',
  approved: 'Try again',
  denied: 'The sign-in was denied',
  expired: 'The sign-in has expired',
  used: 'The session was given out already',
}

/** What a browser does: it shows a challenge, waits, and trades the approved one for a session. Its verifier alone says that it is the same browser. */
export class QrBrowserSide {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  async start({ challenge, device }: StartQr, origin: Origin): Promise<{ challenge: ChallengeDocument; token: string; url: string }> {
    const token = newToken(tokenBytes)
    const tokenHash = hashOfToken(token)
    const created = await this.#deps.challenges.create({ challenge, tokenHash, ...newChoices(), device: device ?? null, origin })
    return { challenge: created, token, url: `${this.#deps.pageUrl}#${token}` }
  }

  /** @throws Problem not_found where there is no such challenge, or it is another browser's */
  async status(id: string, verifier: string | undefined): Promise<QrStatus> {
    return (await this.#own(id, verifier)).now
  }

  /**
   * Opens a stream that tells the present state and what becomes of it, until it is decided.
   * @throws Problem not_found as `status`, service_unavailable where there are too many streams or this worker is about to stop; before any byte is sent
   */
  async openStream(id: string, verifier: string | undefined, response: ServerResponse): Promise<void> {
    const { watch, hub } = this.#deps
    const challenge = await this.#own(id, verifier)
    if (hub.draining) throw new Problem('service_unavailable', 'This worker is about to stop')
    if (watch.streamCount >= mostStreams) throw new Problem('service_unavailable', 'Too many browsers wait here')
    if (response.destroyed) return // the client has gone: there is no 'close' to come
    const stream = new ChallengeStream(response)
    watch.add(id, stream)
    response.once('close', () => watch.remove(id, stream))
    stream.open()
    stream.tell(stateOf(challenge))
    watch.look(id) // what has changed since it was read
  }

  /**
   * Trades an approved challenge, once, for a session of the person who approved it.
   * @throws Problem not_found as `status`, conflict where it is not approved, was used, or the phone was signed out meanwhile
   */
  async exchange(id: string, verifier: string, origin: Origin): Promise<SignIn> {
    const { challenges, users, sessions, audit } = this.#deps
    const { challenge, now, scanner } = await this.#own(id, verifier)
    if (now !== 'approved' || !scanner) throw new Problem('conflict', whyNoSession[now])
    const user = await users.get(scanner.userId.toHexString())
    await this.#requireSignedIn(scanner, user)
    const used = await challenges.moveApproved(toObjectId(id), { challenge }, { status: 'used' })
    if (!used) throw new Problem('conflict', whyNoSession[await this.status(id, verifier)])
    const target = { kind: 'qr', id }
    await audit.record({ action: 'qr.exchanged', outcome: 'done', actor: { kind: 'user', id: user._id.toHexString() }, target, origin })
    const opened = await sessions.open(user, used.device, origin)
    await this.#requireSignedIn(scanner, user).catch(async (error: unknown) => {
      // All sessions may have been ended just before this one began.
      await sessions.revoke({ userId: user._id.toHexString(), sessionId: opened.session._id.toHexString() }, 'logout')
      throw error
    })
    return { user, ...opened }
  }

  async #own(id: string, verifier: string | undefined): Promise<Challenge> {
    const challenge = await this.#deps.challenges.byId(toObjectId(id))
    const given = createHash('sha256')
      .update(verifier ?? '')
      .digest()
    const wanted = Buffer.from(challenge?.challenge ?? '', 'base64url')
    if (!challenge || given.length !== wanted.length || !timingSafeEqual(given, wanted)) throw new Problem('not_found')
    return challenge
  }

  /** @throws Problem conflict where the session of the phone has ended, lockdown where it has to wait */
  async #requireSignedIn({ sessionId }: Scanner, { _id, role }: UserDocument): Promise<void> {
    try {
      await this.#deps.sessions.endOf({ userId: _id.toHexString(), sessionId: sessionId.toHexString(), ...(role && { role }) })
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'session_revoked') throw error
      throw new Problem('conflict', 'The phone that approved was signed out', { cause: error })
    }
  }
}
