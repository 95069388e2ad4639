import type { Caller } from '../../http/endpoint.js'
import { Problem } from '../../http/problem.js'
import type { Memberships } from '../conversations/index.js'
import type { MessageDocument } from './model.js'

export const editableSeconds = 24 * 3600
/** Each must be told; while Redis is away they gather. */
const mostUntold = 1000

/** @throws Problem forbidden for another's, a system message, or one older than a day; conflict for a deleted one */
export function requireEditable(message: MessageDocument, caller: Caller): asserts message is MessageDocument & { text: string } {
  if (message.type === 'system') throw new Problem('forbidden', 'A system message stays as it is')
  if (message.senderId.toHexString() !== caller.userId) throw new Problem('forbidden', 'Only its sender may edit a message')
  if (message.deletedAt || message.text === null) throw new Problem('conflict', 'The message is deleted')
  if (Date.now() - message.createdAt.getTime() > editableSeconds * 1000) throw new Problem('forbidden', 'The time to edit is over')
  if ((message.outbox?.length ?? 0) >= mostUntold)
    throw new Problem('service_unavailable', 'Too many edits of this message wait to be told')
}

/** @throws Problem forbidden for who is neither its sender nor runs the group, and for a system message */
export const requireDeletable = async (message: MessageDocument, caller: Caller, memberships: Memberships): Promise<void> => {
  if (message.type === 'system') throw new Problem('forbidden', 'A system message stays as it is')
  if (message.senderId.toHexString() === caller.userId) return
  if (await memberships.moderates(caller.userId, message.conversationId.toHexString())) return
  throw new Problem('forbidden', 'Only its sender, or who runs the group, may delete a message for everyone')
}
