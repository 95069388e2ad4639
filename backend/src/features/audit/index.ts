export { type AuditDocument, auditSchema } from './model.js'
export { AuditLog } from './service.js'
