import type { Announcement } from '../../realtime/events.js'
import type { MessageDocument } from './model.js'
import { viewMessage } from './view.js'

/** What a conversation's members are told of a new message. */
export const messageCreated = (message: MessageDocument): Announcement => {
  const view = viewMessage(message)
  return {
    to: [`conversation:${view.conversationId}`],
    event: { type: 'message.created', conversationId: view.conversationId, at: view.createdAt, message: view },
  }
}
