import type { Pending } from '../../http/endpoint.js'
import type { Standing } from '../users/index.js'

export interface PendingRules {
  /** How old a password may become; 0 for any age. */
  readonly maxAgeDays: number
  readonly adminTotp: 'required' | 'optional'
}

const dayMs = 86_400_000

/** What somebody has to do before anything else. */
export const pendingOf =
  ({ maxAgeDays, adminTotp }: PendingRules) =>
  ({ mustChangePassword, passwordSetAt, role, totp }: Standing): Pending | undefined => {
    const isOld = maxAgeDays > 0 && passwordSetAt !== undefined && passwordSetAt.getTime() + maxAgeDays * dayMs < Date.now()
    if (mustChangePassword || isOld) return 'password'
    return adminTotp === 'required' && role === 'admin' && !totp ? 'totp' : undefined
  }
