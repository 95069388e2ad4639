import { z } from 'zod'
import type { SseEvent } from '../support/sse-client.js'

interface Message {
  readonly id: string
  readonly conversationId: string
  readonly seq: number
  readonly version: number
  readonly text: string
}

interface Read {
  readonly conversationId: string
  readonly userId: string
  readonly readSeq: number
}

const Created = z.object({ conversationId: z.string(), message: z.object({ seq: z.int(), senderId: z.string() }) })
const Updated = z.object({
  conversationId: z.string(),
  message: z.object({ id: z.string(), version: z.int(), text: z.string().optional() }),
  fetch: z.boolean().optional(),
})
const Noted = z.object({ conversationId: z.string(), messageId: z.string() })
const Watermarks = z.object({ userId: z.string(), readSeq: z.int() })
const Receipt = Watermarks.extend({ conversationId: z.string(), receipts: z.array(Watermarks).optional() })

const dataOf = <T extends { conversationId: string }>(
  told: readonly SseEvent[],
  name: string,
  schema: z.ZodType<T>,
  conversationId: string,
): T[] =>
  told
    .filter(({ event }) => event === name)
    .map(({ data }) => schema.parse(data))
    .filter((data) => data.conversationId === conversationId)

/** What was acknowledged, and whether a device was told of it. */
export class Ledger {
  readonly messages: Message[] = []
  readonly #edits: Message[] = []
  readonly #reads = new Map<string, Read>()
  #receipts = 0

  get counts(): { readonly messages: number; readonly edits: number; readonly receipts: number } {
    return { messages: this.messages.length, edits: this.#edits.length, receipts: this.#receipts }
  }

  sent(message: Message): void {
    this.messages.push(message)
  }

  edited(message: Message): void {
    this.#edits.push(message)
  }

  read(read: Read): void {
    this.#receipts += 1
    const key = `${read.conversationId} ${read.userId}`
    const before = this.#reads.get(key)
    if (!before || before.readSeq < read.readSeq) this.#reads.set(key, read)
  }

  headOf(conversationId: string): number {
    return Math.max(0, ...this.messages.filter((message) => message.conversationId === conversationId).map(({ seq }) => seq))
  }

  /** Of each message that a device was told of in a conversation the seq, as it was told. */
  createdSeqs(conversationId: string, told: readonly SseEvent[]): number[] {
    return dataOf(told, 'message.created', Created, conversationId).map(({ message }) => message.seq)
  }

  /** The messages of a next release that a device was told of beside, as what they are or as something to fetch. */
  notedIds(conversationId: string, told: readonly SseEvent[]): Set<string> {
    const noted = dataOf(told, 'message.noted', Noted, conversationId).map(({ messageId }) => messageId)
    const toFetch = dataOf(told, 'message.updated', Updated, conversationId).filter(({ fetch }) => fetch === true)
    return new Set([...noted, ...toFetch.map(({ message }) => message.id)])
  }

  /** What was acknowledged in a conversation and not told: messages and edits, each by itself, and how far somebody has read. */
  untold(conversationId: string, told: readonly SseEvent[]): string[] {
    const here = (each: { readonly conversationId: string }) => each.conversationId === conversationId
    const created = dataOf(told, 'message.created', Created, conversationId)
    const seqs = new Set(created.map(({ message }) => message.seq))
    const receipts = dataOf(told, 'receipt.updated', Receipt, conversationId)
    const updates = dataOf(told, 'message.updated', Updated, conversationId)
    const edits = new Set(updates.map(({ message }) => `${message.id} ${message.version} ${message.text}`))
    const read = new Map<string, number>()
    const raise = (userId: string, seq: number) => read.set(userId, Math.max(seq, read.get(userId) ?? 0)) // they only rise
    for (const first of receipts) for (const { userId, readSeq } of [first, ...(first.receipts ?? [])]) raise(userId, readSeq)
    for (const { message } of created) raise(message.senderId, message.seq) // who sends has read up to there; that is not told beside
    return [
      ...this.messages.filter((each) => here(each) && !seqs.has(each.seq)).map(({ seq }) => `message ${seq}`),
      ...this.#edits
        .filter((each) => here(each) && !edits.has(`${each.id} ${each.version} ${each.text}`))
        .map(({ id, version }) => `edit ${id} ${version}`),
      ...[...this.#reads.values()]
        .filter((each) => here(each) && (read.get(each.userId) ?? 0) < each.readSeq)
        .map(({ userId, readSeq }) => `${userId} read ${readSeq}`),
    ]
  }
}
