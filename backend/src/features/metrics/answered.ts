import { Counter, type Registry } from 'prom-client'
import type { AnyEndpoint } from '../../http/endpoint.js'
import { blockUser } from '../blocks/index.js'
import { acceptInvite, createConversation, leaveConversation } from '../conversations/index.js'
import { beginExport } from '../exports/index.js'
import { addReaction, deleteMessage, editMessage, sendMessage } from '../messages/index.js'
import { makeReport } from '../reports/index.js'
import { searchMessages } from '../search/index.js'
import { beginUpload, completeUpload, removeUpload } from '../uploads/index.js'
import { changeMe } from '../users/index.js'

/** What people do that tells how much the service is used. */
const actions = new Map<AnyEndpoint, string>([
  [sendMessage, 'message_sent'],
  [editMessage, 'message_edited'],
  [deleteMessage, 'message_deleted'],
  [addReaction, 'reaction_added'],
  [searchMessages, 'messages_searched'],
  [createConversation, 'conversation_created'],
  [acceptInvite, 'invite_accepted'],
  [leaveConversation, 'conversation_left'],
  [changeMe, 'profile_changed'],
  [blockUser, 'user_blocked'],
  [makeReport, 'report_made'],
  [beginExport, 'export_begun'],
])

const uploads = new Map<AnyEndpoint, string>([
  [beginUpload, 'begun'],
  [completeUpload, 'completed'],
  [removeUpload, 'removed'],
])

const outcomeOf = (step: string, status: number): string => {
  if (status >= 500) return 'failed'
  return status >= 400 ? 'refused' : step
}

/** Counts what people do, and what becomes of their uploads, by what was answered. */
export const countAnswered = (registry: Registry): ((endpoint: AnyEndpoint, status: number) => void) => {
  const done = new Counter({
    name: 'user_actions_total',
    help: 'What people did, without what was refused',
    labelNames: ['action'],
    registers: [registry],
  })
  const ofUploads = new Counter({
    name: 'uploads_total',
    help: 'Uploads that were begun, completed or removed; calls for that which were refused, or failed',
    labelNames: ['outcome'],
    registers: [registry],
  })
  for (const action of actions.values()) done.inc({ action }, 0)
  for (const outcome of [...uploads.values(), 'refused', 'failed']) ofUploads.inc({ outcome }, 0)
  return (endpoint, status) => {
    const action = status < 400 ? actions.get(endpoint) : undefined
    if (action !== undefined) done.inc({ action })
    const step = uploads.get(endpoint)
    if (step !== undefined) ofUploads.inc({ outcome: outcomeOf(step, status) })
  }
}
