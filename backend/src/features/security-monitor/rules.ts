import type { QueryFilter } from 'mongoose'
import type { AuditDocument } from '../audit/index.js'

/** What is looked at when an audit entry is written, and when it is alarming. */
export interface Rule {
  readonly kind: 'failed_logins' | 'permission_changes' | 'refresh_reuse' | 'lockdown'
  readonly about: string
  /** More entries than this in an hour alarm. */
  readonly most: number
  /** Whom or what an entry counts for; undefined where the rule is not about it. */
  keyOf(entry: AuditDocument): string | undefined
  /** The entries that count together with this one. */
  alike(key: string): QueryFilter<AuditDocument>
}

const permissionChanges = ['user.role_changed', 'user.suspended', 'user.reinstated', 'api_key.created', 'api_key.revoked']
const everyone = 'all'

export const rules: readonly Rule[] = [
  {
    kind: 'failed_logins',
    about: 'More than 10 failed sign-ins from one address in an hour',
    most: 10,
    keyOf: ({ action, outcome, origin }) => (action === 'login' && outcome === 'refused' ? origin?.ip : undefined),
    alike: (ip) => ({ 'origin.ip': ip, action: 'login', outcome: 'refused' }),
  },
  {
    kind: 'permission_changes',
    about: 'More than 5 changes of who may do what in an hour',
    most: 5,
    keyOf: ({ action, outcome }) => (outcome === 'done' && permissionChanges.includes(action) ? everyone : undefined),
    alike: () => ({ action: { $in: permissionChanges }, outcome: 'done' }),
  },
  {
    kind: 'refresh_reuse',
    about: 'A refresh token came again after it was used: somebody else may have it',
    most: 0,
    keyOf: ({ action, actor }) => (action === 'session.refresh_reuse' ? (actor.id ?? everyone) : undefined),
    alike: (id) => ({ 'actor.id': id, action: 'session.refresh_reuse' }),
  },
  {
    kind: 'lockdown',
    about: 'Administrators alone are let in',
    most: 0,
    keyOf: ({ action, outcome }) => (action === 'lockdown.begun' && outcome === 'done' ? everyone : undefined),
    alike: () => ({ action: 'lockdown.begun', outcome: 'done' }),
  },
]
