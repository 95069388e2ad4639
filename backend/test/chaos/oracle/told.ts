import type { Device } from '../clients/device.js'
import type { Told } from '../clients/journal.js'
import type { Violation } from '../findings.js'
import type { Ledger, SentMessage, Stay } from '../ledger.js'

/** A message may have been written at any time between these two, and so may an end or a beginning of a membership. */
const mayOverlap = (sent: SentMessage, { added, removed }: Stay): boolean => {
  const write = sent.contents[0]?.write
  if (!write) return true
  const written = { least: write.startedAt, most: write.ackedAt ?? Number.POSITIVE_INFINITY }
  // A removal ends a stay, unless an attempt to add that nobody knows the outcome of may still come after it.
  const ended = added.attempts.some((attempt) => attempt.unknown) ? undefined : removed?.ackedAt
  return added.startedAt <= written.most && (ended ?? Number.POSITIVE_INFINITY) >= written.least
}

/** No client is told of a message that was written while it was not in the conversation. */
export function* checkTold(device: Device, ledger: Ledger): Generator<Violation> {
  if (ledger.restores.length > 0) return // a membership may have been taken back
  for (const told of device.journal.told) {
    if (told.type !== 'message.created') continue
    const sent = ledger.messages.get(told.clientId)
    const conversation = ledger.conversations.get(told.conversationId)
    if (!sent || !conversation) continue // a system message; a conversation whose beginning nobody knows of
    const stays = conversation.stays.get(device.userId) ?? []
    if (!stays.some((stay) => mayOverlap(sent, stay))) yield foreign(device, told)
  }
}

const foreign = (device: Device, { seq, conversationId, clientId }: Told): Violation => ({
  kind: 'foreign',
  what: `${device.name} was told of seq ${seq} of ${conversationId}, written while it was not in it`,
  device: device.name,
  conversationId,
  message: clientId,
})
