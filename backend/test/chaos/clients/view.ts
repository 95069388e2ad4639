import type { Violation } from '../findings.js'
import type { Message } from './shapes.js'

type Report = (violation: Omit<Violation, 'device'>) => void

/** A conversation as a client shows it. */
export interface ViewedConversation {
  /** By seq. */
  readonly messages: Map<number, Message>
  /** Everything is there up to this seq, and the next to be told is the one after it; undefined until it has been fetched. */
  head: number | undefined
  /** True where something was told of it before its `conversation.created`: what came before that, and how far others had read, is not known. */
  isUnannounced: boolean
  /** How far members have read, by user id. */
  readonly readSeqs: Map<string, number>
}

const nothing = (head: number | undefined): ViewedConversation => ({
  messages: new Map(),
  head,
  isUnannounced: false,
  readSeqs: new Map(),
})

/** What a client shows, built from events and from what it was told to fetch. It says where what it is told cannot be true. */
export class View {
  readonly conversations = new Map<string, ViewedConversation>()
  /** True while everything is to be fetched: what is told of a conversation is no beginning of it. */
  #owesAll = false
  /** Messages that were passed over, by conversation and seq, with what was told instead: each must turn out to have been deleted before it was told. */
  readonly #passedOver = new Map<string, Map<number, string>>()
  readonly #report: Report

  constructor(report: Report) {
    this.#report = report
  }

  /**
   * Nothing is kept, and everything is to be fetched.
   * @param isSameHistory false where the database was put back: a seq may have become another message's
   */
  forgetAll({ isSameHistory }: { isSameHistory: boolean }): void {
    this.conversations.clear()
    if (!isSameHistory) this.#passedOver.clear()
    this.#owesAll = true
  }

  /** Everything has been fetched but what `owed` still names. */
  hasAll(): void {
    this.#owesAll = false
  }

  /** Conversations that were told of and are still to be fetched. */
  get owed(): string[] {
    return [...this.conversations].filter(([, { head }]) => head === undefined).map(([id]) => id)
  }

  forget(conversationId: string): void {
    this.#passedOver.delete(conversationId)
    this.conversations.delete(conversationId)
  }

  /** A conversation that began, or that one came into: what comes from now on is told. */
  begin(conversationId: string, joinedSeq: number): void {
    if (this.conversations.has(conversationId)) return
    this.conversations.set(conversationId, nothing(this.#owesAll ? undefined : joinedSeq))
  }

  /** What is shown of a conversation is not to be relied on until `fetched` has been called. */
  owe(conversationId: string): void {
    const known = this.conversations.get(conversationId)
    if (known) known.head = undefined
    else this.conversations.set(conversationId, nothing(undefined))
  }

  /** What was told without some message before it, while nothing has said yet that this one was deleted. */
  get passedOver(): string[] {
    return [...this.#passedOver.values()].flatMap((bySeq) => Array.from(bySeq.values()))
  }

  /** `message.created`. */
  created(message: Message): void {
    if (!this.conversations.has(message.conversationId)) {
      this.begin(message.conversationId, message.seq - 1)
      const begun = this.conversations.get(message.conversationId)
      if (begun) begun.isUnannounced = true
    }
    this.#arrived(message)
  }

  /** `message.updated`: never told before the message itself. */
  updated(message: Message): void {
    const conversation = this.conversations.get(message.conversationId)
    if (!conversation) return
    const { head } = conversation
    if (head !== undefined && message.seq > head)
      this.#gap(message.conversationId, `a change of seq ${message.seq} was told, the message never; seq ${head} came last`)
    else if (head === undefined || conversation.messages.has(message.seq)) this.#put(conversation, message)
  }

  /** `message.deleted`: takes the place of a message that was deleted before it was told. */
  deleted(message: Message): void {
    if (!this.conversations.has(message.conversationId)) return
    this.#passedOver.get(message.conversationId)?.delete(message.seq)
    this.#arrived(message)
  }

  /** A watermark, which only rises. */
  read(conversationId: string, userId: string, readSeq: number): void {
    const readSeqs = this.conversations.get(conversationId)?.readSeqs
    if (readSeqs && readSeq > (readSeqs.get(userId) ?? 0)) readSeqs.set(userId, readSeq)
  }

  /** All that the REST interface has of a conversation; `joinedSeq` is where it begins for who came later. */
  fetched(conversationId: string, messages: readonly Message[], joinedSeq: number): void {
    this.owe(conversationId)
    const conversation = this.conversations.get(conversationId)
    if (!conversation) return
    for (const message of messages) this.#put(conversation, message)
    const seqs = [...conversation.messages.keys()].toSorted((a, b) => a - b)
    for (const [n, seq] of seqs.entries()) {
      const before = seqs[n - 1]
      const message = conversation.messages.get(seq)
      if (before !== undefined && message && seq !== before + 1)
        this.#gap(conversationId, `what was fetched has seq ${before}, then seq ${seq}`)
    }
    for (const [seq, what] of this.#passedOver.get(conversationId) ?? [])
      if (!conversation.messages.get(seq)?.deletedAt) this.#gap(conversationId, what)
    this.#passedOver.delete(conversationId)
    conversation.head = seqs.at(-1) ?? joinedSeq
    conversation.isUnannounced = false
  }

  #put(conversation: ViewedConversation, message: Message): void {
    const shown = conversation.messages.get(message.seq)
    if (shown && shown.id !== message.id) {
      const { conversationId, clientId, seq } = message
      const what = `seq ${seq} of ${conversationId} is ${message.id} and was ${shown.id}`
      this.#report({ kind: 'two-messages-one-seq', what, conversationId, message: clientId })
    }
    if (shown && shown.id === message.id && shown.version >= message.version) return
    conversation.messages.set(message.seq, message)
  }

  #arrived(message: Message): void {
    const { conversationId, seq } = message
    const conversation = this.conversations.get(conversationId)
    if (!conversation) return
    this.#put(conversation, message)
    const { head } = conversation
    if (head === undefined || seq <= head) return
    for (let passed = head + 1; passed < seq; passed++) {
      const bySeq = this.#passedOver.get(conversationId) ?? new Map<number, string>()
      this.#passedOver.set(conversationId, bySeq.set(passed, `seq ${seq} of ${conversationId} was told after seq ${head}`))
    }
    conversation.head = seq
  }

  #gap(conversationId: string, what: string): void {
    this.#report({ kind: 'gap', what: `${what} in ${conversationId}`, conversationId })
  }
}
