import type { Device } from '../clients/device.js'
import type { Told } from '../clients/journal.js'
import type { Violation } from '../findings.js'
import type { Ledger, RedisTrouble, SentMessage, Stay } from '../ledger.js'

/** When a message was first told to anybody, by the log's epoch and the message's client id: it had been in that log by then. */
export type FirstTold = ReadonlyMap<string, number>

/** Where the log could not be asked how far it was, a newcomer is told from 10 s before on; and a second for clocks and for coming to the client. */
const joinMarginMs = 11_000

const keyOf = ({ epoch, clientId }: Told): string => `${epoch} ${clientId}`

export const firstTold = (devices: readonly Device[]): FirstTold => {
  const first = new Map<string, number>()
  for (const { journal } of devices) {
    for (const told of journal.told) {
      if (told.type === 'message.created') first.set(keyOf(told), Math.min(told.at, first.get(keyOf(told)) ?? told.at))
    }
  }
  return first
}

/** From a trouble's end until all have heard what was told in it. */
const heardAfterMs = 15_000

/** When all workers have heard of a removal that was acknowledged: at once, unless Redis could not be told, or was another one to some of them. */
const heardBy = (at: number, troubles: readonly RedisTrouble[]): number => {
  const met = troubles.filter(({ from, to }) => at >= from && at <= to + heardAfterMs)
  return Math.max(at, ...met.map(({ to }) => to + heardAfterMs))
}

/** True where it was written before the end of a stay, and not told to others before its beginning. What is told late is told to who came meanwhile, too. */
const belongs = (sent: SentMessage, inLogAt: number, { added, removed }: Stay, troubles: readonly RedisTrouble[]): boolean => {
  // A removal ends a stay, unless an attempt to add that nobody knows the outcome of may still come after it.
  const ended = added.attempts.some((attempt) => attempt.unknown) ? undefined : removed?.ackedAt && heardBy(removed.ackedAt, troubles)
  const writtenAt = sent.contents[0]?.write.startedAt ?? 0
  return writtenAt <= (ended ?? Number.POSITIVE_INFINITY) && inLogAt >= added.startedAt - joinMarginMs
}

/** No client is told of a message that was written after it had left, or replayed one that was told before it came. */
export function* checkTold(device: Device, ledger: Ledger, first: FirstTold): Generator<Violation> {
  if (ledger.restores.length > 0) return // a membership may have been taken back
  for (const told of device.journal.told) {
    if (told.type !== 'message.created') continue
    const sent = ledger.messages.get(told.clientId)
    const conversation = ledger.conversations.get(told.conversationId)
    if (!sent || !conversation) continue // a system message; a conversation whose beginning nobody knows of
    const stays = conversation.stays.get(device.userId) ?? []
    if (!stays.some((stay) => belongs(sent, first.get(keyOf(told)) ?? told.at, stay, ledger.redisTroubles))) yield foreign(device, told)
  }
}

const foreign = (device: Device, { seq, conversationId, clientId }: Told): Violation => ({
  kind: 'foreign',
  what: `${device.name} was told of seq ${seq} of ${conversationId}, of a time when it was not in it`,
  device: device.name,
  conversationId,
  message: clientId,
})
