import type { Caller } from '../../http/endpoint.js'
import { Problem } from '../../http/problem.js'
import type { Memberships } from '../conversations/index.js'
import { deletedFor } from './deleted.js'
import type { MessageDocument } from './model.js'

export const editableSeconds = 24 * 3600
/** Each must be told; while Redis is away they gather. */
const mostUntold = 1000
/** Besides them: everyone in a group may delete it for themselves at the same time. */
const mostHiddenUntold = 1024

/** Each is kept in the message. */
const mostHidden = 20_000

const deleted = (): Problem => new Problem('conflict', 'The message is deleted')

/** Before anything is done with a message. @throws Problem conflict where it is deleted, for all or for who asks */
export const requireThere = (message: MessageDocument, caller: Caller): void => {
  if (deletedFor(message, caller.userId)) throw deleted()
}

/** @throws Problem service_unavailable where too much of it is to be told, conflict where too many have */
export const requireHideable = ({ outbox = [], hiddenFor = [] }: MessageDocument): void => {
  if (hiddenFor.length >= mostHidden) throw new Problem('conflict', 'Too many have deleted this message for themselves')
  if (outbox.length >= mostUntold + mostHiddenUntold)
    throw new Problem('service_unavailable', 'Too many changes of this message wait to be told')
}

/** @throws Problem forbidden for another's, a system message, what is another's words, or one older than a day; conflict for a deleted one */
export function requireEditable(message: MessageDocument, caller: Caller): asserts message is MessageDocument & { text: string } {
  if (message.type === 'system') throw new Problem('forbidden', 'A system message stays as it is')
  if (message.senderId.toHexString() !== caller.userId) throw new Problem('forbidden', 'Only its sender may edit a message')
  requireThere(message, caller)
  if (message.text === null) throw deleted()
  if (message.forwardOf) throw new Problem('forbidden', 'A forwarded message says what it said')
  if (Date.now() - message.createdAt.getTime() > editableSeconds * 1000) throw new Problem('forbidden', 'The time to edit is over')
  if ((message.outbox ?? []).filter(({ type }) => type === 'message.updated').length >= mostUntold)
    throw new Problem('service_unavailable', 'Too many edits of this message wait to be told')
}

/** @throws Problem forbidden for a system message, conflict for a deleted one */
export const requireReactable = (message: MessageDocument, caller: Caller): void => {
  if (message.type === 'system') throw new Problem('forbidden', 'A system message stays as it is')
  requireThere(message, caller)
}

/** @throws Problem forbidden for who is neither its sender nor runs the group, and for a system message */
export const requireDeletable = async (message: MessageDocument, caller: Caller, memberships: Memberships): Promise<void> => {
  if (message.type === 'system') throw new Problem('forbidden', 'A system message stays as it is')
  if (message.senderId.toHexString() === caller.userId) return
  if (await memberships.moderates(caller.userId, message.conversationId.toHexString())) return
  throw new Problem('forbidden', 'Only its sender, or who runs the group, may delete a message for everyone')
}
