import type { Device } from '../clients/device.js'
import type { Violation } from '../findings.js'
import type { Restore } from '../ledger.js'
import { brief } from './stored.js'
import { ownSeq, type StoredConversation, type Truth } from './truth.js'

/** What a client shows must be what the database has: its conversations, all of each from its joining on, nothing else. */
export function* checkView(device: Device, truth: Truth, restores: readonly Restore[]): Generator<Violation> {
  const about = { device: device.name }
  if (restores.some(({ restoredAt }) => device.begunAt < restoredAt))
    yield { kind: 'false-verdict', what: `${device.name} was not told to begin anew since the database was put back`, ...about }
  if (!device.isLive) yield { kind: 'stuck', what: `${device.name} is not live`, ...about }
  for (const what of device.view.passedOver) yield { kind: 'gap', what, ...about }
  for (const conversation of truth.values()) {
    const member = conversation.members.find(({ userId }) => userId === device.userId)
    if (member) yield* checkConversation(device, conversation, member.joinedSeq)
  }
  for (const id of device.view.conversations.keys()) {
    const isMine = truth.get(id)?.members.some(({ userId }) => userId === device.userId)
    if (!isMine)
      yield { kind: 'foreign', what: `${device.name} shows conversation ${id}, which it is not in`, ...about, conversationId: id }
  }
}

function* checkConversation(device: Device, stored: StoredConversation, joinedSeq: number): Generator<Violation> {
  const about = { device: device.name, conversationId: stored.id }
  const shown = device.view.conversations.get(stored.id)
  if (!shown) {
    yield { kind: 'missing', what: `${device.name} does not show conversation ${stored.id}`, ...about }
    return
  }
  for (const { seq, id, text, isDeleted, version, clientId } of stored.messages) {
    const message = shown.messages.get(seq)
    const of = { ...about, message: clientId }
    if (!message) {
      if (seq > joinedSeq) yield { kind: 'missing', what: `${device.name} does not show seq ${seq} of ${stored.id}`, ...of }
      continue
    }
    if (message.id !== id)
      yield { kind: 'two-messages-one-seq', what: `${device.name} shows ${message.id} as seq ${seq}, which is ${id}`, ...of }
    else if (message.version !== version || message.text !== text || Boolean(message.deletedAt) !== isDeleted)
      yield {
        kind: 'stale',
        what: `${device.name} shows version ${message.version} of seq ${seq}, ${brief(message.text)}; it is version ${version}`,
        ...of,
      }
  }
  for (const { userId, readSeq } of stored.members) {
    const own = ownSeq(stored, userId)
    const shownSeq = shown.readSeqs.get(userId) ?? 0
    if (Math.max(shownSeq, own) !== Math.max(readSeq, own))
      yield {
        kind: 'stale',
        what: `${device.name} shows that ${userId} has read ${stored.id} up to ${shownSeq}; it is ${readSeq}`,
        ...about,
      }
  }
  for (const [seq, { clientId }] of shown.messages) {
    if (seq > (stored.messages.at(-1)?.seq ?? 0))
      yield { kind: 'foreign', what: `${device.name} shows seq ${seq} of ${stored.id}, which is not there`, ...about, message: clientId }
  }
}
