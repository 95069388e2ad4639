import type { ConversationCheck } from './schema.js'
import type { Check } from './service.js'

export const viewCheck = ({ conversationId, messages, head, differences }: Check): ConversationCheck => ({
  conversationId,
  messages,
  head,
  differences: differences.map(({ kind, userId = null, seq = null, field = null, document = null, stored, expected, repaired }) => ({
    kind,
    userId,
    seq,
    field,
    document,
    stored,
    expected,
    repaired,
  })),
})
