import type { SendMessage } from '../../src/features/messages/schema.js'
import type { Caller } from '../../src/http/endpoint.js'

/** Both servers answer this path, with the same status and the same bytes of body. */
export const path = '/bench/conversations/0123456789abcdef01234567/messages'

export const issuer = 'heliograph'
export const caller: Caller = { userId: '0123456789abcdef01234568', sessionId: '0123456789abcdef01234569' }

export const message: SendMessage = {
  clientId: '6f1c1e3e-6c1b-4c59-9a2f-0f5f7b8f2f10',
  text: 'The mirror on the hill flashes twice: they have seen us, and will answer before the sun is down.',
}

/** What a stored message would look like. */
export const answerTo = (userId: string, { clientId, text = '' }: SendMessage) => ({
  id: '0123456789abcdef0123456a',
  conversationId: '0123456789abcdef01234567',
  seq: 1,
  senderId: userId,
  clientId,
  type: 'user' as const,
  text,
  replyTo: null,
  forwardOf: null,
  attachments: [],
  mentions: [],
  system: null,
  reactions: [],
  reactionsVersion: 0,
  version: 1,
  createdAt: '2026-01-01T00:00:00.000Z',
  editedAt: null,
  deletedAt: null,
  disappearsAt: null,
})
