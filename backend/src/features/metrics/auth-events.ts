import { Counter, type Registry } from 'prom-client'
import type { AuditDocument } from '../audit/index.js'

/** What counts as what, by the audit log's action and outcome. */
const kinds = new Map([
  ['account.registered:done', 'REGISTER_SUCCESS'],
  ['login:done', 'LOGIN_SUCCESS'],
  ['login:refused', 'LOGIN_FAIL'],
  ['qr.exchanged:done', 'QR_LOGIN_SUCCESS'],
  ['qr.denied:done', 'QR_LOGIN_DENIED'],
  ['account.locked:done', 'ACCOUNT_LOCKED'],
  ['password.changed:done', 'PASSWORD_CHANGED'],
  ['password.changed:refused', 'PASSWORD_CONFIRM_FAIL'],
  ['password.confirmed:refused', 'PASSWORD_CONFIRM_FAIL'],
  ['password.reset:done', 'PASSWORD_RESET'],
  ['password.reset:refused', 'PASSWORD_RESET_FAIL'],
  ['session.revoked:done', 'SESSION_REVOKED'],
  ['session.all_revoked:done', 'SESSION_REVOKED'],
  ['session.refresh_reuse:done', 'TOKEN_REUSED'],
  ['session.refresh_reuse:refused', 'TOKEN_REUSED'],
  ['totp.recovery_code_used:done', 'RECOVERY_CODE_USED'],
  ['service_token.issued:done', 'SERVICE_TOKEN_ISSUED'],
  ['service_token.issued:refused', 'SERVICE_TOKEN_FAIL'],
])

/** Counts what this worker puts into the audit log of who signs in, and of what guards that. */
export const countAuthEvents = (registry: Registry): ((entry: Pick<AuditDocument, 'action' | 'outcome'>) => void) => {
  const events = new Counter({
    name: 'auth_events_total',
    help: 'What happened to sign-ins, sessions and passwords, as the audit log has it',
    labelNames: ['kind'],
    registers: [registry],
  })
  for (const kind of kinds.values()) events.inc({ kind }, 0)
  return ({ action, outcome }) => {
    const kind = kinds.get(`${action}:${outcome}`)
    if (kind !== undefined) events.inc({ kind })
  }
}
