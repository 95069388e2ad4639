import { type mongo, Types } from 'mongoose'
import { Problem } from '../../http/problem.js'
import { Pump } from '../../platform/pump.js'
import type { HeadMap, Heads } from './heads.js'
import { insertBatch, type Refusal } from './insert-batch.js'
import type { MessageDocument } from './model.js'

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
  readonly resolve: (committed: Committed) => void
  readonly reject: (error: unknown) => void
}

interface Dependencies {
  readonly messages: () => mongo.Collection<MessageDocument>
  readonly heads: Heads
  /** Told of what was stored, in the order of seq within each conversation, before anyone's `commit` resolves. */
  readonly onStored: (messages: readonly MessageDocument[]) => void
}

const mostInBatch = 100
const mostBatchBytes = 1024 * 1024
const mostWaiting = 10_000
const overheadBytes = 400
const batchDeadlineMs = 10_000

/**
 * The one way messages are stored. While a batch is on its way to the database new messages gather; the next takes them,
 * of whatever conversations, in one ordered insert. Each gets its conversation's next seq, and the unique index on
 * (conversationId, seq) decides: seq N+1 exists only after N does. At a conflict the head is read anew and the rest goes again.
 */
export class CommitLane {
  readonly #deps: Dependencies
  readonly #queue: Waiting[] = []
  readonly #pump = new Pump(
    () => this.#queue.length > 0,
    () => this.#turn(),
  )
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** @throws Problem service_unavailable where the queue is full, or the database does not promise the write in time */
  commit(draft: Draft): Promise<Committed> {
    if (this.#queue.length >= mostWaiting) return Promise.reject(new Problem('service_unavailable', 'Too many messages are waiting'))
    return new Promise((resolve, reject) => {
      this.#queue.push({ id: new Types.ObjectId(), draft, bytes: Buffer.byteLength(draft.text) + overheadBytes, resolve, reject })
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
    }
  }

  /** Commits what waits until the batch is empty; at each turn the batch is filled up from the queue. */
  async #commitBatch(batch: Waiting[]): Promise<void> {
    let endsAt = Date.now() + batchDeadlineMs
    const known: HeadMap = new Map()
    this.#fill(batch)
    while (batch.length > 0) {
      await this.#learnHeads(batch, known)
      const documents = numbered(batch, known)
      const remainingMs = endsAt - Date.now()
      if (remainingMs <= 0) throw new Problem('service_unavailable', 'The message could not be stored in time')
      const { stored, refusal } = await insertBatch(this.#deps.messages(), documents, remainingMs)
      this.#settle(batch, documents.slice(0, stored), known)
      if (!refusal) return
      const answered = await this.#resolveRefusal(batch, refusal, known)
      if (stored > 0 || answered) endsAt = Date.now() + batchDeadlineMs // the deadline is for standing still
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

  async #learnHeads(batch: readonly Waiting[], known: HeadMap): Promise<void> {
    const unknown = new Set(conversationsOf(batch).filter((id) => !known.has(id)))
    if (unknown.size === 0) return
    for (const [id, head] of await this.#deps.heads.of(unknown)) known.set(id, head)
  }

  #settle(batch: Waiting[], stored: readonly MessageDocument[], known: HeadMap): void {
    if (stored.length === 0) return
    const raised: HeadMap = new Map()
    for (const message of stored) raised.set(message.conversationId.toHexString(), message.seq)
    for (const [id, seq] of raised) known.set(id, seq)
    this.#deps.heads.raise(raised)
    this.#deps.onStored(stored)
    for (const [n, { resolve }] of batch.splice(0, stored.length).entries()) {
      const message = stored[n]
      if (message) resolve({ message, created: true })
    }
  }

  /** The first of the batch was refused: answers it, or learns the head anew so that it can go again. @returns true where it was answered */
  async #resolveRefusal(batch: Waiting[], { reason, error }: Refusal, known: HeadMap): Promise<boolean> {
    const [first] = batch
    if (!first) return false
    const { conversationId, senderId, clientId } = first.draft
    if (reason === 'refused') {
      batch.shift()
      first.reject(error)
      return true
    }
    if (reason !== 'seq-taken') {
      const message = await this.#deps.messages().findOne({ conversationId, senderId, clientId }, { readConcern: { level: 'majority' } })
      if (message) {
        batch.shift()
        first.resolve({ message, created: false })
        return true
      }
    }
    const id = conversationId.toHexString()
    known.set(id, await this.#deps.heads.read(id))
    return false
  }
}

const conversationsOf = (batch: readonly Waiting[]): string[] => batch.map(({ draft }) => draft.conversationId.toHexString())

/** Each message with its conversation's next seq; `known` stays as it is until they are stored. */
const numbered = (batch: readonly Waiting[], known: HeadMap): MessageDocument[] => {
  const heads = new Map(known)
  return batch.map(({ id, draft }) => {
    const conversationId = draft.conversationId.toHexString()
    const seq = (heads.get(conversationId) ?? 0) + 1
    heads.set(conversationId, seq)
    return { _id: id, ...draft, seq }
  })
}
