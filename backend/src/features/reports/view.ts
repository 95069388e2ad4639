import type { ReportDocument } from './model.js'
import type { ReportView } from './schema.js'

/** What administrators see of a report. */
export const viewReport = ({ message, resolution, ...report }: ReportDocument): ReportView => ({
  id: report._id.toHexString(),
  status: report.status,
  reporterId: report.reporterId.toHexString(),
  userId: report.userId?.toHexString() ?? null,
  conversationId: report.conversationId?.toHexString() ?? null,
  message: message && {
    id: message.messageId.toHexString(),
    seq: message.seq,
    senderId: message.senderId.toHexString(),
    text: message.text,
    version: message.version,
    createdAt: message.createdAt.toISOString(),
  },
  reason: report.reason,
  text: report.text,
  createdAt: report.createdAt.toISOString(),
  resolution: resolution
    ? { action: resolution.action, note: resolution.note, by: resolution.by.toHexString(), at: resolution.at.toISOString() }
    : null,
})
