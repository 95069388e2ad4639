import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { Findings } from '../findings.js'
import type { Restore } from '../ledger.js'
import type { Api } from './api.js'
import type { Connection, ConnectionHandlers, StreamTarget } from './connection.js'
import { Journal } from './journal.js'
import { Line } from './line.js'
import { type Reader, refetchAll, refetchOne } from './refetch.js'
import { Conversation, Message, Resume, Watermarks } from './shapes.js'
import type { StreamEvent } from './sse-parser.js'
import { View } from './view.js'

const MessageEvent = z.object({ message: Message })
const ConversationEvent = z.object({ conversation: Conversation })
const MemberEvent = z.object({ conversationId: z.string(), member: z.object({ userId: z.string() }) })
const ReceiptEvent = Watermarks.extend({ conversationId: z.string(), receipts: z.array(Watermarks).default([]) })
/** What is too large to be told is to be fetched. */
const FetchEvent = z.object({ conversationId: z.string(), fetch: z.literal(true) })
const Draining = z.object({ reconnectInMs: z.int() })

const pauseMs = 300

export interface DeviceSetting {
  readonly name: string
  readonly userId: string
  readonly token: string
  readonly api: Api
  readonly findings: Findings
  readonly restores: readonly Restore[]
  /** False where the log is too short to know whether a change has been told. */
  readonly logRemembers: boolean
  open(target: StreamTarget, handlers: ConnectionHandlers): Promise<Connection>
}

/** One client: keeps a stream, fetches what it is told to, comes back with the position that it kept. */
export class Device {
  readonly name: string
  readonly userId: string
  readonly view: View
  readonly journal = new Journal()
  readonly verdicts: Record<Resume['verdict'], number> = { live: 0, exact: 0, partial: 0, reset: 0 }
  readonly #setting: DeviceSetting
  readonly #line = new Line()
  #connection: Connection | undefined
  #position: string | undefined
  /** When it was last told to begin anew. */
  #begunAt = 0
  /** True while nothing is left to be fetched, so that each position is kept. */
  #keeping = false
  /** How many fetches are under way. */
  #fetches = 0
  #latest: string | undefined
  #awayMs = 0
  #ending = new AbortController()

  constructor(setting: DeviceSetting) {
    this.name = setting.name
    this.userId = setting.userId
    this.#setting = setting
    this.view = new View((violation) => setting.findings.add({ ...violation, device: setting.name }))
  }

  /** True while it is connected and has all that it was told to fetch. */
  get isLive(): boolean {
    return this.#connection !== undefined && this.#keeping
  }

  /** When it was last told to fetch everything: all that it shows is of later. */
  get begunAt(): number {
    return this.#begunAt
  }

  /** Loses its connection, and comes back after so long. */
  drop(awayMs: number): void {
    this.#awayMs = awayMs
    this.#connection?.drop('dropped by the client')
  }

  async stall(forMs: number, signal: AbortSignal): Promise<void> {
    const connection = this.#connection
    this.journal.note(`stalls for ${forMs} ms`)
    connection?.stall()
    await sleep(forMs, undefined, { signal }).catch(() => undefined)
    connection?.goOn()
  }

  /** Connects, again and again, until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#connection?.drop('the run is over'))
    while (!signal.aborted) {
      await this.#connectOnce(signal).catch((error: unknown) => this.journal.note(`not connected: ${String(error)}`))
      const awayMs = this.#awayMs || pauseMs
      this.#awayMs = 0
      await sleep(awayMs, undefined, { signal }).catch(() => undefined)
    }
  }

  async #connectOnce(signal: AbortSignal): Promise<void> {
    const { api, token } = this.#setting
    const origin = api.anyOrigin()
    this.#ending = new AbortController()
    this.#keeping = false
    this.#fetches = 0
    this.#latest = undefined
    this.#line.goBack()
    const lastEventId = this.#position
    this.journal.note(`connects to ${origin} with ${lastEventId ?? 'no position'}`)
    this.#connection = await this.#setting.open(
      { origin, token, lastEventId },
      { event: (event) => this.#take(event), position: (id) => this.#note(id) },
    )
    if (signal.aborted) this.#connection.drop('the run is over')
    const why = await this.#connection.ended
    this.#connection = undefined
    this.#keeping = false
    this.#ending.abort()
    this.journal.note(`disconnected: ${why}`)
  }

  #note(id: string): void {
    this.#latest = id
    if (!this.#keeping) return
    this.#position = id
    this.#line.keep()
  }

  #take(event: StreamEvent): void {
    try {
      this.#handle(event)
    } catch (error) {
      const what = `${event.event} ${JSON.stringify(event.data)}: ${String(error)}`
      this.#setting.findings.add({ kind: 'malformed', what, device: this.name })
    }
  }

  #handle({ event, data, id }: StreamEvent): void {
    const tooLarge = FetchEvent.safeParse(data)
    if (tooLarge.success) this.#owe([tooLarge.data.conversationId])
    else if (event === 'resume') this.#resumed(Resume.parse(data))
    else if (event === 'message.created' || event === 'message.updated' || event === 'message.deleted')
      this.#message(event, MessageEvent.parse(data).message, id)
    else if (event === 'conversation.created') this.#begun(ConversationEvent.parse(data).conversation)
    else if (event === 'conversation.deleted') this.view.forget(ConversationEvent.parse(data).conversation.id)
    else if (event === 'member.removed') this.#removed(MemberEvent.parse(data))
    else if (event === 'receipt.updated') this.#read(ReceiptEvent.parse(data))
    else if (event === 'server.draining') this.#awayMs ||= Draining.parse(data).reconnectInMs
  }

  #message(type: string, message: Message, id: string | undefined): void {
    const { conversationId, clientId, seq, version } = message
    this.journal.told.push({ at: Date.now(), epoch: id?.split('.')[0] ?? '', type, conversationId, clientId, seq, version })
    const isNew = this.#line.tell(`${type} ${message.id} ${version}`)
    if (!isNew && (type === 'message.created' || this.#setting.logRemembers)) {
      const what = `${type} of seq ${seq}, version ${version}, in ${conversationId} came again at ${id}`
      this.#setting.findings.add({ kind: 'doubled', what, device: this.name, conversationId, message: clientId })
    }
    if (type === 'message.created') this.view.created(message)
    else if (type === 'message.updated') this.view.updated(message)
    else this.view.deleted(message)
  }

  #begun(conversation: Conversation): void {
    this.journal.note(`conversation ${conversation.id} was told`)
    const known = this.view.conversations.get(conversation.id)
    // What was said before one came is to be had from the REST interface alone.
    if (!known && conversation.lastSeq === 0 && conversation.my.joinedSeq === 0) this.view.begin(conversation.id, 0)
    else if (!known || known.isUnannounced) this.#owe([conversation.id])
  }

  #removed({ conversationId, member }: z.infer<typeof MemberEvent>): void {
    if (member.userId !== this.userId) return
    this.journal.note(`removed from ${conversationId}`)
    this.view.forget(conversationId)
  }

  #read({ conversationId, receipts, ...first }: z.infer<typeof ReceiptEvent>): void {
    for (const { userId, readSeq } of [first, ...receipts]) this.view.read(conversationId, userId, readSeq)
  }

  #resumed(resume: Resume): void {
    const { verdict, refetch, cursor } = resume
    this.verdicts[verdict] += 1
    this.journal.note(`resume ${verdict} at ${cursor}${refetch.length > 0 ? `, to fetch ${refetch.join(' ')}` : ''}`)
    if (verdict === 'live' || verdict === 'reset') this.#begunAt = Date.now()
    if (verdict === 'live' || verdict === 'reset') {
      this.#position = undefined // what it was the position of is not shown any more
      this.#line.startAnew()
      this.view.forgetAll({ isSameHistory: this.#setting.restores.length === 0 })
    }
    this.#latest = cursor
    if (verdict === 'live' || verdict === 'reset') void this.#fetch((reader, signal) => refetchAll(reader, this.view, signal))
    else this.#owe(refetch)
  }

  #owe(conversationIds: readonly string[]): void {
    for (const id of conversationIds) this.view.owe(id)
    void this.#fetch(async (reader, signal) => {
      for (const id of conversationIds) await refetchOne(reader, this.view, id, signal)
    })
  }

  /** No position is kept before all that is to be fetched has been. */
  async #fetch(fetching: (reader: Reader, signal: AbortSignal) => Promise<void>): Promise<void> {
    const { signal } = this.#ending
    this.#keeping = false
    this.#fetches += 1
    try {
      await fetching({ api: this.#setting.api, token: this.#setting.token }, signal)
    } catch (error) {
      if (signal.aborted) return // the connection is gone: it comes back with the position that it had before
      const what = `could not fetch what it was told to: ${String(error)}`
      this.#setting.findings.add({ kind: 'error', what, device: this.name })
      return
    }
    if (signal.aborted) return
    this.#fetches -= 1
    if (this.#fetches > 0) return
    this.journal.note(`keeps its position from ${this.#latest} on`)
    this.#keeping = true
    if (this.#latest !== undefined) this.#note(this.#latest)
  }
}
