import { Problem } from '../../http/problem.js'
import type { SessionService } from '../sessions/index.js'
import type { UserDocument, UserService } from '../users/index.js'
import type { Passwords } from './passwords.js'
import type { Login, Register } from './schema.js'

interface Dependencies {
  readonly users: UserService
  readonly sessions: SessionService
  readonly passwords: Passwords
}

type SignIn = Awaited<ReturnType<SessionService['open']>> & { readonly user: UserDocument }

export class AccountService {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** @throws Problem conflict where the phone has an account */
  async register({ phone, password, name, device }: Register): Promise<SignIn> {
    const passwordHash = await this.#deps.passwords.hash(password)
    const user = await this.#deps.users.create({ phone, name, passwordHash })
    return { user, ...(await this.#deps.sessions.open(user, device ?? null)) }
  }

  /** @throws Problem invalid_credentials, whether the phone or the password is wrong */
  async login({ phone, password, device }: Login): Promise<SignIn> {
    const user = await this.#deps.users.findByPhone(phone)
    const matches = await this.#deps.passwords.verify(user?.passwordHash, password)
    if (!user || !matches) throw new Problem('invalid_credentials')
    return { user, ...(await this.#deps.sessions.open(user, device ?? null)) }
  }
}
