import type { Caller, Origin } from '../../http/endpoint.js'
import { type AuditEntry, actorOf } from '../audit/index.js'

/** Who does something as an administrator, and where from: for the audit log. */
export type By = Pick<AuditEntry, 'actor' | 'origin'>

export const byCaller = (caller: Caller, origin: Origin): By => ({ actor: actorOf(caller), origin })
