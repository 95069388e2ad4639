export { actorOf } from './actor.js'
export { type AuditDocument, type AuditEntry, auditSchema } from './model.js'
export { readAudit } from './routes.js'
export { AuditLog } from './service.js'
