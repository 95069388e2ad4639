import { viewSession } from '../sessions/index.js'
import { viewMe } from '../users/index.js'
import type { SignedIn } from './schema.js'
import type { AccountService } from './service.js'

export const viewSignIn = ({
  user,
  session,
  accessToken,
  expiresIn,
  refreshToken,
}: Awaited<ReturnType<AccountService['login']>>): SignedIn => ({
  user: viewMe(user),
  accessToken,
  expiresIn,
  refreshToken,
  session: viewSession(session),
})
