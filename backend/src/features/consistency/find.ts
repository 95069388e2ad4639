import { setTimeout as sleep } from 'node:timers/promises'
import type { Types } from 'mongoose'
import { type Difference, mostDifferences } from './difference.js'
import { aheadOf, behindOf } from './of-conversation.js'
import { behindOwn, type Marks, type People, peopleOf, wrongOf } from './of-receipts.js'
import { scan } from './scan.js'
import type { Stored } from './stored.js'
import type { Deadline } from './until.js'
import { untoldIn } from './untold.js'

interface Found {
  readonly messages: number
  readonly head: number
  readonly differences: readonly Difference[]
}

const pauseMs = 200
/** More of them than a group has members. */
const mostSuspects = 2000

/**
 * Everything about a conversation that is not as its messages say. Safe while others write: what is past the messages was read before them, and
 * what is behind them is asked for again until it has followed, or the patience is over.
 * @returns undefined where there is no such conversation @throws Problem service_unavailable past the deadline
 */
export const findDifferences = async (
  stored: Stored,
  conversationId: Types.ObjectId,
  options: { readonly patienceMs: number; readonly deadline: Deadline },
): Promise<Found | undefined> => {
  const { patienceMs, deadline } = options
  const before = await stored.conversation(conversationId, deadline)
  if (!before) return undefined
  const people = peopleOf(before)
  const scanned = await scan(stored.messages(), conversationId, people.members, deadline)
  const suspects = await suspectsAmong(stored, conversationId, { people, head: scanned.head, sent: scanned.sent, deadline })

  const patient = performance.now() + patienceMs
  for (;;) {
    const marks = await stored.marksOf(conversationId, suspects, deadline)
    const now = await stored.conversation(conversationId, deadline)
    if (!now) return undefined
    const head = await stored.head(conversationId)
    const wrong = marks.flatMap((each) => wrongOf(each, peopleOf(now), head))
    const behind = [...behindOf(now, scanned), ...behindOwnAmong(suspects, marks, scanned.sent)]
    if (behind.length > 0 && performance.now() < patient) {
      await sleep(pauseMs)
      continue
    }
    const untold = await untoldIn(stored, conversationId, deadline)
    const differences = [...scanned.differences, ...aheadOf(before, scanned), ...behind, ...wrong, ...untold]
    return { messages: scanned.messages, head: scanned.head, differences: differences.slice(0, mostDifferences) }
  }
}

/** Whose watermarks are to be looked at again: the receipts are read a page at a time, and most are as they should be. */
const suspectsAmong = async (
  stored: Stored,
  conversationId: Types.ObjectId,
  { people, head, sent, deadline }: { people: People; head: number; sent: ReadonlyMap<string, number>; deadline: Deadline },
): Promise<string[]> => {
  const suspects: string[] = []
  const unseen = new Set(sent.keys())
  for await (const marks of stored.allMarks(conversationId, deadline)) {
    const userId = marks.userId.toHexString()
    unseen.delete(userId)
    const isSuspect = wrongOf(marks, people, head).length > 0 || marks.readSeq < (sent.get(userId) ?? 0)
    if (isSuspect && suspects.length < mostSuspects) suspects.push(userId)
  }
  const gone = await stored.goneAmong([...unseen], deadline)
  return [...suspects, ...[...unseen].filter((userId) => !gone.has(userId))] // of who has sent and has no receipt
}

const behindOwnAmong = (suspects: readonly string[], marks: readonly Marks[], sent: ReadonlyMap<string, number>): Difference[] => {
  const readSeqs = new Map(marks.map(({ userId, readSeq }) => [userId.toHexString(), readSeq]))
  return suspects.flatMap((userId) => behindOwn(userId, readSeqs.get(userId) ?? 0, sent.get(userId) ?? 0))
}
