import type { EventType } from '../../src/realtime/catalogue.js'

/** All kinds of events; the compiler sees to it that none is left out. */
export const eventTypes: Readonly<Record<EventType, true>> = {
  'message.created': true,
  'message.updated': true,
  'message.deleted': true,
  'reaction.added': true,
  'reaction.removed': true,
  'conversation.created': true,
  'conversation.updated': true,
  'conversation.deleted': true,
  'member.added': true,
  'member.updated': true,
  'member.removed': true,
  'receipt.updated': true,
  'user.updated': true,
  'block.updated': true,
  'export.ready': true,
  'upload.updated': true,
  'session.revoked': true,
}
