import type { Connection } from 'mongoose'
import { type ApiKeyDocument, apiKeySchema } from '../features/api-keys/index.js'
import { type AuditDocument, auditSchema } from '../features/audit/index.js'
import { type BlockDocument, blockSchema } from '../features/blocks/index.js'
import { type CodeDocument, codeSchema, type TokenDocument, tokenSchema } from '../features/codes/index.js'
import { type ConversationDocument, conversationSchema } from '../features/conversations/index.js'
import { type ExportPartDocument, exportPartSchema } from '../features/exports/index.js'
import { type JobDocument, jobSchema } from '../features/jobs/index.js'
import { type MessageDocument, messageSchema } from '../features/messages/index.js'
import { type ChallengeDocument, challengeSchema } from '../features/qr-login/index.js'
import { type ReceiptDocument, receiptSchema } from '../features/receipts/index.js'
import { type ReportDocument, reportSchema } from '../features/reports/index.js'
import { type SecurityAlertDocument, securityAlertSchema } from '../features/security-monitor/index.js'
import { type SessionDocument, sessionSchema } from '../features/sessions/index.js'
import { type UploadDocument, type UploadUsageDocument, uploadSchema, uploadUsageSchema } from '../features/uploads/index.js'
import { type UserDocument, userSchema } from '../features/users/index.js'
import { type IdempotencyDocument, idempotencySchema } from '../http/idempotency-model.js'

/** What the database holds, with its indexes. */
export const createModels = (connection: Connection) => ({
  users: connection.model<UserDocument>('User', userSchema),
  sessions: connection.model<SessionDocument>('Session', sessionSchema),
  conversations: connection.model<ConversationDocument>('Conversation', conversationSchema),
  messages: connection.model<MessageDocument>('Message', messageSchema),
  receipts: connection.model<ReceiptDocument>('Receipt', receiptSchema),
  audit: connection.model<AuditDocument>('Audit', auditSchema),
  codes: connection.model<CodeDocument>('Code', codeSchema),
  oneTimeTokens: connection.model<TokenDocument>('OneTimeToken', tokenSchema),
  apiKeys: connection.model<ApiKeyDocument>('ApiKey', apiKeySchema),
  blocks: connection.model<BlockDocument>('Block', blockSchema),
  reports: connection.model<ReportDocument>('Report', reportSchema),
  challenges: connection.model<ChallengeDocument>('Challenge', challengeSchema),
  idempotencyKeys: connection.model<IdempotencyDocument>('IdempotencyKey', idempotencySchema),
  jobs: connection.model<JobDocument>('Job', jobSchema),
  exportParts: connection.model<ExportPartDocument>('ExportPart', exportPartSchema),
  uploads: connection.model<UploadDocument>('Upload', uploadSchema),
  uploadUsage: connection.model<UploadUsageDocument>('UploadUsage', uploadUsageSchema),
  securityAlerts: connection.model<SecurityAlertDocument>('SecurityAlert', securityAlertSchema),
})
