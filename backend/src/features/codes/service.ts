import type { Origin } from '../../http/endpoint.js'
import { Problem } from '../../http/problem.js'
import type { SecondFactor } from '../accounts/index.js'
import type { AuditLog } from '../audit/index.js'
import type { SessionService } from '../sessions/index.js'
import type { UserDocument, UserService } from '../users/index.js'
import type { Messenger } from './messenger.js'
import { codeTtlSeconds, type OneTimeCodes } from './one-time-codes.js'
import { type OneTimeTokens, tokenTtlSeconds } from './one-time-tokens.js'
import { opensByPhoneAlone, type PhoneProof } from './phone-proof.js'
import type { VerifyCode } from './schema.js'
import type { CodeText } from './texts.js'

interface Dependencies {
  readonly codes: OneTimeCodes
  readonly tokens: OneTimeTokens
  readonly proof: PhoneProof
  readonly secondFactor: Pick<SecondFactor, 'judge'>
  readonly users: Pick<UserService, 'findByPhone'>
  readonly sessions: Pick<SessionService, 'open'>
  readonly messenger: Messenger
  readonly audit: AuditLog
  readonly codeText: CodeText
}

type SignIn = Awaited<ReturnType<SessionService['open']>> & { readonly user: UserDocument }

/** Signing in, and proving a phone, by a code that is sent to it. */
export class CodeService {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * Sends a code to a phone, and does nothing else: whether it has an account is not even looked up.
   * @returns how many seconds it is good. @throws Problem service_unavailable where this server sends no SMS
   */
  async start(phone: string): Promise<number> {
    const { messenger, codes, codeText } = this.#deps
    messenger.requireSms()
    const code = await codes.issue('phone', phone)
    messenger.sms({ to: phone, text: codeText(code) })
    return codeTtlSeconds
  }

  /**
   * Signs in the account of the phone; where there is none, gives a token that proves the phone to who registers it.
   * @throws Problem invalid_credentials, all the same where the code is wrong, used, too old, tried too often, or there is none;
   * totp_required where it is right and the account's authenticator is missing: a try is gone then, and the code still good
   */
  async verify(
    { phone, code, device, totp }: VerifyCode,
    origin: Origin,
  ): Promise<SignIn | { registrationToken: string; expiresIn: number }> {
    const { codes, tokens, proof, secondFactor, users, sessions, audit } = this.#deps
    const right = await codes.check('phone', phone, code)
    const user = right && (await users.findByPhone(phone))
    const verdict = !user || opensByPhoneAlone(user) ? 'right' : await secondFactor.judge(user, totp, origin)
    if (verdict === 'missing') throw new Problem('totp_required')
    if (!right || verdict === 'wrong' || !(await codes.use(right))) return this.#refuse(origin)
    if (!user) return { registrationToken: await tokens.issue('registration', phone), expiresIn: tokenTtlSeconds.registration }
    const proved = await proof.note(user, origin)
    const signIn = { user: proved, ...(await sessions.open(proved, device ?? null, origin)) }
    const actor = { kind: proved.role ?? 'user', id: proved._id.toHexString() } as const
    await audit.record({ action: 'login', outcome: 'done', actor, origin, detail: { by: 'code' } })
    return signIn
  }

  async #refuse(origin: Origin): Promise<never> {
    await this.#deps.audit.record({ action: 'login', outcome: 'refused', actor: { kind: 'user' }, origin, detail: { by: 'code' } })
    throw new Problem('invalid_credentials')
  }
}
