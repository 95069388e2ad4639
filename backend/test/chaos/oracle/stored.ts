import type { Violation } from '../findings.js'
import type { Ledger, SentMessage } from '../ledger.js'
import type { StoredMessage, Truth } from './truth.js'

/** What the database must hold of what was acknowledged: each message once, its seq contiguous, its last content. */
export function* checkStored(ledger: Ledger, truth: Truth): Generator<Violation> {
  const stored = new Map<string, StoredMessage>()
  for (const { id, messages } of truth.values()) {
    for (const [n, message] of messages.entries()) {
      const about = { conversationId: id, message: message.clientId }
      if (message.seq !== n + 1) yield { kind: 'lost', what: `the database has seq ${message.seq} of ${id} in place ${n + 1}`, ...about }
      if (stored.has(message.clientId)) yield { kind: 'stored-twice', what: `${message.clientId} has two seqs in ${id}`, ...about }
      stored.set(message.clientId, message)
      const known = ledger.messages.has(message.clientId) || message.type === 'system'
      if (!known) yield { kind: 'foreign', what: `the database has a message that nobody sent, seq ${message.seq} of ${id}`, ...about }
    }
  }
  for (const sent of ledger.messages.values()) yield* checkMessage(ledger, sent, stored.get(sent.clientId))
  for (const receipt of ledger.receipts) {
    const member = truth.get(receipt.conversationId)?.members.find(({ userId }) => userId === receipt.userId)
    if (member && member.readSeq < receipt.readSeq && ledger.standingOf(receipt.write) === 'certain')
      yield {
        kind: 'lost',
        what: `${receipt.userId} has read ${receipt.conversationId} up to ${receipt.readSeq}; stored is ${member.readSeq}`,
      }
  }
}

function* checkMessage(ledger: Ledger, sent: SentMessage, stored: StoredMessage | undefined): Generator<Violation> {
  const [first] = sent.contents
  const about = { conversationId: sent.conversationId, message: sent.clientId }
  const isCertain = first !== undefined && ledger.standingOf(first.write) === 'certain'
  if (!stored) {
    if (isCertain)
      yield { kind: 'lost', what: `acknowledged as seq ${sent.seq} of ${sent.conversationId} and not in the database`, ...about }
    return
  }
  if (isCertain && (stored.id !== sent.id || stored.seq !== sent.seq))
    yield { kind: 'lost', what: `acknowledged as ${sent.id}, seq ${sent.seq}, and stored as ${stored.id}, seq ${stored.seq}`, ...about }
  const possible = possibleTexts(ledger, sent)
  if (!possible.has(stored.text))
    yield {
      kind: 'stale',
      what: `the database says ${brief(stored.text)}, acknowledged was ${[...possible].map(brief).join(' or ')}`,
      ...about,
    }
}

/** What a message may say: what was acknowledged last, and what nobody knows the outcome of. */
const possibleTexts = (ledger: Ledger, { contents }: SentMessage): Set<string | null> => {
  const certain = contents.filter(({ write }) => ledger.standingOf(write) === 'certain')
  if (certain.some(({ text }) => text === null)) return new Set([null]) // for good
  const last = certain.toSorted((a, b) => (a.write.ackedAt ?? 0) - (b.write.ackedAt ?? 0)).at(-1)
  const unknown = contents.filter(
    ({ write }) => ledger.standingOf(write) === 'possible' || write.attempts.some((attempt) => attempt.unknown),
  )
  return new Set([...(last ? [last] : []), ...unknown].map(({ text }) => text))
}

export const brief = (text: string | null): string => (text === null ? 'nothing' : JSON.stringify(text.slice(0, 40)))
