import type { Violation } from '../findings.js'
import type { Message } from './shapes.js'

type Report = (violation: Omit<Violation, 'device'>) => void

/** A conversation as a client shows it. */
export interface ViewedConversation {
  /** By seq. */
  readonly messages: Map<number, Message>
  /** Everything is there up to this seq, and the next to be told is the one after it; undefined until it has been fetched. */
  head: number | undefined
}

/** What a client shows, built from events and from what it was told to fetch. It says where what it is told cannot be true. */
export class View {
  readonly conversations = new Map<string, ViewedConversation>()
  /** True while everything is to be fetched: what is told of a conversation is no beginning of it. */
  #owesAll = false
  readonly #report: Report

  constructor(report: Report) {
    this.#report = report
  }

  /** All of it may be another history's: nothing is kept, and everything is to be fetched. */
  forgetAll(): void {
    this.conversations.clear()
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
    this.conversations.delete(conversationId)
  }

  /** A conversation that began, or that one came into: what comes from now on is told. */
  begin(conversationId: string, joinedSeq: number): void {
    if (this.conversations.has(conversationId)) return
    this.conversations.set(conversationId, { messages: new Map(), head: this.#owesAll ? undefined : joinedSeq })
  }

  /** What is shown of a conversation is not to be relied on until `fetched` has been called. */
  owe(conversationId: string): void {
    const known = this.conversations.get(conversationId)
    if (known) known.head = undefined
    else this.conversations.set(conversationId, { messages: new Map(), head: undefined })
  }

  /** `message.created`. */
  created(message: Message): void {
    const { conversationId, seq } = message
    this.begin(conversationId, seq - 1)
    const conversation = this.conversations.get(conversationId)
    if (!conversation) return
    this.#put(conversation, message)
    const { head } = conversation
    if (head === undefined || seq <= head) return
    if (seq > head + 1) this.#gap(message, `seq ${seq} was told after seq ${head}`)
    conversation.head = seq
  }

  /** `message.updated` and `message.deleted`. */
  changed(message: Message): void {
    const conversation = this.conversations.get(message.conversationId)
    if (!conversation) return
    const { head } = conversation
    if (head !== undefined && message.seq > head)
      this.#gap(message, `a change of seq ${message.seq} was told, the message never; seq ${head} came last`)
    else if (head === undefined || conversation.messages.has(message.seq)) this.#put(conversation, message)
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
      if (before !== undefined && message && seq !== before + 1) this.#gap(message, `what was fetched has seq ${before}, then seq ${seq}`)
    }
    conversation.head = seqs.at(-1) ?? joinedSeq
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

  #gap({ conversationId, clientId }: Message, what: string): void {
    this.#report({ kind: 'gap', what: `${what} in ${conversationId}`, conversationId, message: clientId })
  }
}
