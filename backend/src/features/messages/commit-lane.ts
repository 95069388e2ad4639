import { type mongo, Types } from 'mongoose'
import { Problem } from '../../http/problem.js'
import { withDeadline } from '../../platform/deadline.js'
import { Pump } from '../../platform/pump.js'
import type { HeadMap, Heads } from './heads.js'
import { insertBatch, type Refusal } from './insert-batch.js'
import type { MessageDocument } from './model.js'
import { wordsOf } from './words.js'

/** A message as it comes in: all but what the commit decides. */
export type Draft = Omit<MessageDocument, '_id' | 'seq'>

export interface Committed {
  readonly message: MessageDocument
  /** False where the same clientId had been sent before: this is the first one's message. */
  readonly created: boolean
}

interface Waiting {
  readonly id: Types.ObjectId
  readonly draft: Draft
  readonly bytes: number
  readonly since: number
  readonly resolve: (committed: Committed) => void
  readonly reject: (error: unknown) => void
}

interface Dependencies {
  readonly messages: () => mongo.Collection<MessageDocument>
  readonly heads: Heads
  /** Told of what was stored, in the order of seq within each conversation, before anyone's `commit` resolves. */
  readonly onStored: (messages: readonly MessageDocument[]) => void
  readonly deadlineMs?: number
}

const mostInBatch = 100
const mostBatchBytes = 1024 * 1024
const mostWaiting = 10_000
const overheadBytes = 400
const defaultDeadlineMs = 10_000

/**
 * The one way messages are stored. While a batch is on its way to the database new messages gather; the next takes them,
 * of whatever conversations, in one insert: in order where they are mostly of few conversations, else one of each conversation, each for
 * itself. Each gets its conversation's next seq, and the unique index on (conversationId, seq) decides: seq N+1 exists only after N does.
 * At a conflict the heads are learned anew and the rest goes again.
 */
export class CommitLane {
  readonly #deps: Dependencies
  readonly #deadlineMs: number
  readonly #queue: Waiting[] = []
  readonly #pump = new Pump(
    () => this.#queue.length > 0,
    () => this.#turn(),
  )
  constructor(deps: Dependencies) {
    this.#deps = deps
    this.#deadlineMs = deps.deadlineMs ?? defaultDeadlineMs
  }

  /**
   * @throws Problem service_unavailable where the queue is full, or the database does not promise the write in time, which is known after 20 s;
   * an error that `isUnavailable` knows where the database does not say where a conversation stands
   */
  commit(draft: Draft): Promise<Committed> {
    if (this.#queue.length >= mostWaiting) return Promise.reject(new Problem('service_unavailable', 'Too many messages are waiting'))
    return new Promise((resolve, reject) => {
      const bytes = Buffer.byteLength(draft.text ?? '') + overheadBytes
      this.#queue.push({ id: new Types.ObjectId(), draft, bytes, since: performance.now(), resolve, reject })
      this.#pump.wake()
    })
  }

  /** Resolves when nothing waits any more. */
  async settled(): Promise<void> {
    await this.#pump.settled()
  }

  async #turn(): Promise<void> {
    const batch: Waiting[] = []
    try {
      await this.#commitBatch(batch)
    } catch (error) {
      this.#deps.heads.forget(conversationsOf(batch))
      for (const { reject } of batch) reject(error)
      this.#rejectOverdue()
    }
  }

  /** What has waited for as long as a batch may stand still would else wait for the next ones to fail, one after another. */
  #rejectOverdue(): void {
    const latest = performance.now() - this.#deadlineMs
    const firstInTime = this.#queue.findIndex(({ since }) => since > latest)
    const overdue = this.#queue.splice(0, firstInTime === -1 ? this.#queue.length : firstInTime)
    for (const { reject } of overdue) reject(notInTime())
  }

  /** Commits what waits until the batch is empty; at each turn the batch is filled up from the queue. */
  async #commitBatch(batch: Waiting[]): Promise<void> {
    let endsAt = Date.now() + this.#deadlineMs
    let refusedHeads: HeadMap = new Map()
    this.#fill(batch)
    while (batch.length > 0) {
      const heads = await withDeadline(this.#headsFor(batch, refusedHeads), Math.max(0, endsAt - Date.now()), 'learning heads')
      const remainingMs = endsAt - Date.now()
      if (remainingMs <= 0) throw notInTime()
      const firsts = firstOfEach(batch)
      const ordered = firsts.length * 2 < batch.length
      const sent = ordered ? [...batch] : firsts
      const documents = numbered(sent, heads)
      const { tried, refusals } = await insertBatch(this.#deps.messages(), documents, { ordered, deadlineMs: remainingMs })
      this.#settle(batch, sent, documents, tried, refusals)
      const { again, answered } = await this.#answerRefused(batch, sent, refusals)
      refusedHeads = new Map(again.map((id) => [id, heads.get(id) ?? 0]))
      if (tried > refusals.length || answered) endsAt = Date.now() + this.#deadlineMs // the deadline is for standing still
      this.#fill(batch)
    }
  }

  #fill(batch: Waiting[]): void {
    let bytes = batch.reduce((sum, waiting) => sum + waiting.bytes, 0)
    while (batch.length < mostInBatch) {
      const next = this.#queue[0]
      if (!next || (batch.length > 0 && bytes + next.bytes > mostBatchBytes)) return
      this.#queue.shift()
      bytes += next.bytes
      batch.push(next)
    }
  }

  /** The heads that all workers know of now; from the database where that is what was refused. */
  async #headsFor(batch: readonly Waiting[], refusedHeads: HeadMap): Promise<HeadMap> {
    const heads = await this.#deps.heads.of(new Set(conversationsOf(batch)))
    const stale = [...refusedHeads].filter(([id, head]) => (heads.get(id) ?? 0) <= head)
    await Promise.all(stale.map(async ([id]) => heads.set(id, await this.#deps.heads.read(id))))
    return heads
  }

  #settle(
    batch: Waiting[],
    sent: readonly Waiting[],
    documents: readonly MessageDocument[],
    tried: number,
    refusals: readonly Refusal[],
  ): void {
    const refused = new Set(refusals.map(({ index }) => index))
    const stored = documents.slice(0, tried).flatMap((message, n) => {
      const waiting = sent[n]
      return waiting && !refused.has(n) ? [{ waiting, message }] : []
    })
    if (stored.length === 0) return
    this.#deps.heads.raise(new Map(stored.map(({ message }) => [message.conversationId.toHexString(), message.seq])))
    this.#deps.onStored(stored.map(({ message }) => message))
    drop(batch, new Set(stored.map(({ waiting }) => waiting)))
    for (const { waiting, message } of stored) waiting.resolve({ message, created: true })
  }

  /** Answers what was refused for good. @returns the conversations of what goes again, and whether something was answered */
  async #answerRefused(
    batch: Waiting[],
    sent: readonly Waiting[],
    refusals: readonly Refusal[],
  ): Promise<{ again: string[]; answered: boolean }> {
    const again: string[] = []
    for (const { index, reason, error } of refusals) {
      const waiting = sent[index]
      if (!waiting) continue
      if (await this.#answer(waiting, reason, error)) drop(batch, new Set([waiting]))
      else again.push(waiting.draft.conversationId.toHexString())
    }
    return { again, answered: again.length < refusals.length }
  }

  /** @returns false where the message is to go again */
  async #answer(waiting: Waiting, reason: Refusal['reason'], error: Error): Promise<boolean> {
    if (reason === 'seq-taken') return false
    if (reason === 'refused') {
      waiting.reject(error)
      return true
    }
    const { conversationId, senderId, clientId } = waiting.draft
    const message = await this.#deps.messages().findOne({ conversationId, senderId, clientId }, { readConcern: { level: 'majority' } })
    if (message) waiting.resolve({ message, created: false })
    return message !== null
  }
}

const notInTime = (): Problem => new Problem('service_unavailable', 'The message could not be stored in time')

/** The first message of each conversation: they can be stored each for itself, and leave no gap where one is refused. */
const firstOfEach = (batch: readonly Waiting[]): Waiting[] => {
  const firsts = new Map<string, Waiting>()
  for (const waiting of batch) {
    const id = waiting.draft.conversationId.toHexString()
    if (!firsts.has(id)) firsts.set(id, waiting)
  }
  return [...firsts.values()]
}

const drop = (batch: Waiting[], gone: ReadonlySet<Waiting>): void => {
  batch.splice(0, batch.length, ...batch.filter((waiting) => !gone.has(waiting)))
}

const conversationsOf = (batch: readonly Waiting[]): string[] => batch.map(({ draft }) => draft.conversationId.toHexString())

/** Each message with its conversation's next seq; `known` stays as it is until they are stored. */
const numbered = (batch: readonly Waiting[], known: HeadMap): MessageDocument[] => {
  const heads = new Map(known)
  return batch.map(({ id, draft }) => {
    const conversationId = draft.conversationId.toHexString()
    const seq = (heads.get(conversationId) ?? 0) + 1
    heads.set(conversationId, seq)
    const words = wordsOf(draft.text)
    return { _id: id, ...draft, seq, ...(words && { words }) }
  })
}
