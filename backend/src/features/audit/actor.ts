import type { Caller } from '../../http/endpoint.js'
import type { AuditEntry } from './model.js'

/** Who calls, as the audit log has it. */
export const actorOf = ({ userId: id, role, scopes }: Caller): AuditEntry['actor'] => ({
  kind: scopes ? 'service' : (role ?? 'user'),
  id,
})
