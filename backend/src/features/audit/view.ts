import type { AuditDocument } from './model.js'
import type { AuditEntryView } from './schema.js'

export const viewAuditEntry = ({ _id, at, action, outcome, actor, target, origin, detail }: AuditDocument): AuditEntryView => ({
  id: _id.toHexString(),
  at: at.toISOString(),
  action,
  outcome,
  actor: { kind: actor.kind, id: actor.id ?? null },
  target: target ? { kind: target.kind, id: target.id } : null,
  origin: origin ? { ip: origin.ip, userAgent: origin.userAgent } : null,
  detail: { ...detail },
})
