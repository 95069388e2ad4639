import type { Types } from 'mongoose'
import type { Caller } from '../../http/endpoint.js'
import { Problem } from '../../http/problem.js'
import { encodePassing } from '../../realtime/catalogue.js'
import type { EventLog } from '../../realtime/log/log.js'
import type { Blocks } from '../blocks/index.js'
import type { Memberships } from '../conversations/index.js'
import type { TypingMarks } from './typing-marks.js'

/** In milliseconds. */
export interface TypingTimes {
  /** Who says nothing more for so long has stopped. */
  readonly lasts: number
  /** It is told of no more often. */
  readonly leastBetween: number
}

interface Dependencies {
  readonly log: EventLog
  readonly memberships: Memberships
  readonly blocks: Pick<Blocks, 'between'>
  readonly marks: TypingMarks
  readonly times?: Partial<TypingTimes>
}

interface Typist {
  readonly conversationId: string
  readonly userId: string
  /** What the others were told last. */
  shown: boolean
  toldAt: number
  timer: NodeJS.Timeout | undefined
}

const defaultTimes: TypingTimes = { lasts: 6000, leastBetween: 3000 }
const mostTypists = 50_000

/** Who is typing: told to who listens just now, ends by itself. While Redis is away nothing is told. */
export class TypingService {
  readonly #deps: Dependencies
  readonly #times: TypingTimes
  readonly #typists = new Map<string, Typist>()
  constructor(deps: Dependencies) {
    this.#deps = deps
    this.#times = { ...defaultTimes, ...deps.times }
  }

  /** How many are remembered. */
  get typists(): number {
    return this.#typists.size
  }

  /** Told to nobody where one of two has blocked the other. @throws Problem not_found where the caller is no member */
  async say(caller: Caller, conversationId: string, typing: boolean): Promise<void> {
    const place = await this.#deps.memberships.placeOf(caller.userId, conversationId)
    if (!place) throw new Problem('not_found')
    if (place.partner !== undefined && (await this.#deps.blocks.between(caller.userId, place.partner))) return
    if (typing) this.#began(conversationId, caller.userId)
    else await this.#stopped(conversationId, caller.userId)
  }

  /** Who has sent a message types no more. At another worker than that which took the typing, the message itself says so. */
  sent(messages: readonly { readonly conversationId: Types.ObjectId; readonly senderId: Types.ObjectId }[]): void {
    for (const { conversationId, senderId } of messages) {
      const typist = this.#typists.get(keyOf(conversationId.toHexString(), senderId.toHexString()))
      if (typist?.shown) this.#end(typist)
    }
  }

  stop(): void {
    for (const { timer } of this.#typists.values()) clearTimeout(timer)
    this.#typists.clear()
  }

  #began(conversationId: string, userId: string): void {
    const key = keyOf(conversationId, userId)
    const typist = this.#typists.get(key) ?? { conversationId, userId, shown: false, toldAt: -Infinity, timer: undefined }
    if (!this.#typists.has(key) && this.#typists.size >= mostTypists) return
    this.#typists.set(key, typist)
    this.#deps.marks.take(conversationId, userId, this.#times.lasts)
    this.#after(typist, this.#times.lasts, () => void this.#expired(typist))
    if (performance.now() - typist.toldAt < this.#times.leastBetween) return
    typist.toldAt = performance.now()
    typist.shown = true
    this.#publish(conversationId, userId, true)
  }

  async #stopped(conversationId: string, userId: string): Promise<void> {
    const typist = this.#typists.get(keyOf(conversationId, userId))
    const shown = typist?.shown
    if (typist) this.#rest(typist)
    const marked = await this.#deps.marks.drop(conversationId, userId)
    if (shown || marked) this.#publish(conversationId, userId, false) // what another worker has shown, too
  }

  #end(typist: Typist): void {
    void this.#deps.marks.drop(typist.conversationId, typist.userId)
    if (typist.shown) this.#publish(typist.conversationId, typist.userId, false)
    this.#rest(typist)
  }

  /** Remembered for as long as nothing may be told again. */
  #rest(typist: Typist): void {
    typist.shown = false
    const forgetInMs = Math.max(0, typist.toldAt + this.#times.leastBetween - performance.now())
    this.#after(typist, forgetInMs, () => this.#forget(typist))
  }

  /** Unless it was said again, here meanwhile or at another worker, or stopped there. */
  async #expired(typist: Typist): Promise<void> {
    const { timer } = typist
    const ours = await this.#deps.marks.isOurs(typist.conversationId, typist.userId)
    if (typist.timer !== timer) return
    if (ours) this.#end(typist)
    else this.#forget(typist)
  }

  #forget(typist: Typist): void {
    clearTimeout(typist.timer)
    this.#typists.delete(keyOf(typist.conversationId, typist.userId))
  }

  #after(typist: Typist, milliseconds: number, then: () => void): void {
    clearTimeout(typist.timer)
    typist.timer = setTimeout(then, milliseconds)
    typist.timer.unref()
  }

  #publish(conversationId: string, userId: string, typing: boolean): void {
    const frame = encodePassing({ type: 'typing', conversationId, at: new Date().toISOString(), userId, typing })
    this.#deps.log.tell(`conversation:${conversationId}`, frame).catch(() => undefined) // it is only typing
  }
}

const keyOf = (conversationId: string, userId: string) => `${conversationId}:${userId}`
