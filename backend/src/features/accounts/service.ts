import type { Origin } from '../../http/endpoint.js'
import { Problem } from '../../http/problem.js'
import { KeyedQueue } from '../../platform/keyed-queue.js'
import type { AuditLog } from '../audit/index.js'
import type { SessionService } from '../sessions/index.js'
import type { UserDocument, UserService } from '../users/index.js'
import type { AccountPasswords } from './account-passwords.js'
import type { Passwords } from './passwords.js'
import type { Proof } from './proof.js'
import type { Login, Register } from './schema.js'
import type { SecondFactor } from './second-factor.js'

interface Dependencies {
  readonly users: UserService
  readonly sessions: SessionService
  readonly audit: AuditLog
  readonly passwords: Passwords
  readonly accountPasswords: AccountPasswords
  readonly proof: Proof
  readonly secondFactor: SecondFactor
  /** Takes a registration token, once. @returns whether it proves this phone */
  readonly redeemRegistration: (token: string, phone: string) => Promise<boolean>
  readonly phoneVerification: 'required' | 'optional'
}

type SignIn = Awaited<ReturnType<SessionService['open']>> & { readonly user: UserDocument }

const mostRegisteringAPhone = 256

export class AccountService {
  readonly #deps: Dependencies
  /** Of many who register a phone at once, one needs a password hash. */
  readonly #registering = new KeyedQueue({ mostWaiting: mostRegisteringAPhone })
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * @throws Problem validation_failed where the password breaks a rule; verification_required where the phone has to be proved and is not;
   * conflict where it has an account
   */
  async register(body: Register, origin: Origin): Promise<SignIn> {
    const { accountPasswords, phoneVerification, audit, sessions } = this.#deps
    const { phone, password, name, device, registrationToken } = body
    if (registrationToken === undefined && phoneVerification === 'required') throw new Problem('verification_required')
    if (password !== undefined) accountPasswords.require({ phone, name }, password, 'body.password')
    const user = await this.#registering.run(phone, () => this.#create(body))
    if (!user) throw new Problem('service_unavailable')
    await audit.record({ action: 'account.registered', outcome: 'done', actor: { kind: 'user', id: user._id.toHexString() }, origin })
    return { user, ...(await sessions.open(user, device ?? null, origin)) }
  }

  /**
   * @throws Problem invalid_credentials, whether the account or the password is wrong or it is locked; totp_required where the password is right and
   * something is missing; account_suspended
   */
  async login({ phone, email, password, device, totp }: Login, origin: Origin): Promise<SignIn> {
    const { users, proof, secondFactor, audit, sessions } = this.#deps
    const found = phone !== undefined ? await users.findByPhone(phone) : await users.findByEmail(email ?? '')
    const claim = { account: phone ?? email ?? '', user: found, password, origin, action: 'login' }
    const user = await proof.require(claim, (known) => secondFactor.judge(known, totp, origin))
    const signIn = { user, ...(await sessions.open(user, device ?? null, origin)) }
    const actor = { kind: user.role ?? 'user', id: user._id.toHexString() } as const
    await audit.record({ action: 'login', outcome: 'done', actor, origin, detail: { by: 'password' } })
    return signIn
  }

  async #create({ phone, password, name, registrationToken }: Register): Promise<UserDocument> {
    const { users, passwords, redeemRegistration } = this.#deps
    if (await users.findByPhone(phone)) throw new Problem('conflict', 'This phone has an account')
    const passwordHash = password === undefined ? undefined : await passwords.hash(password)
    const proved = registrationToken !== undefined && (await redeemRegistration(registrationToken, phone))
    if (registrationToken !== undefined && !proved) throw new Problem('verification_required')
    const now = new Date()
    return users.create({ phone, name, ...(passwordHash && { passwordHash, passwordSetAt: now }), ...(proved && { phoneVerifiedAt: now }) })
  }
}
