import type { Logger } from '../../platform/logger.js'
import { Pump } from '../../platform/pump.js'
import { encodePassing } from '../../realtime/catalogue.js'
import type { EventLog } from '../../realtime/log/log.js'
import { settingsOf, type UserDocument, type UserService } from '../users/index.js'
import type { Audience } from './audience.js'
import type { Gone, PresenceStore } from './store.js'

/** In milliseconds. */
export interface PresenceTimes {
  /** A worker that says nothing for so long is dead. */
  readonly live: number
  /** Who comes back within it was never away. */
  readonly grace: number
  readonly refreshEvery: number
  readonly lookEvery: number
}

interface Dependencies {
  readonly store: PresenceStore
  readonly audience: Audience
  readonly users: UserService
  readonly log: EventLog
  readonly logger: Logger
  readonly times?: Partial<PresenceTimes>
}

/** A stream that has just caught up. */
interface LiveStream {
  readonly userId: string
  readonly ended: boolean
  passing(frame: Buffer): void
}

const defaultTimes: PresenceTimes = { live: 60_000, grace: 30_000, refreshEvery: 20_000, lookEvery: 5000 }
const mostAtOnce = 50
const mostLive = 10_000

/**
 * Who is there: everyone with a stream at any worker, and for a while after. Told to who may see it, as it changes, and to each stream
 * when it begins and whenever it has caught up. Nothing of it is logged or certain: while Redis is away, or under too much load, less is told.
 */
export class PresenceService {
  readonly #deps: Dependencies
  readonly #times: PresenceTimes
  readonly #here = new Set<string>()
  readonly #changed = new Set<string>()
  /** To be shown who is there, and until when they may have been told what is not true any more; in ms, 0 for a stream that begins. */
  readonly #live = new Map<LiveStream, number>()
  readonly #liveAt = new WeakMap<LiveStream, number>()
  readonly #again = new Map<LiveStream, number>()
  readonly #timers: NodeJS.Timeout[] = []
  readonly #pump = new Pump(
    () => this.#changed.size > 0 || this.#live.size > 0,
    () => this.#turn(),
  )
  #looking: Promise<void> | undefined
  constructor(deps: Dependencies) {
    this.#deps = deps
    this.#times = { ...defaultTimes, ...deps.times }
  }

  start(): void {
    if (this.#timers.length > 0) return
    this.#timers.push(
      setInterval(() => this.#note(this.#here), this.#times.refreshEvery),
      setInterval(() => {
        this.#looking ??= this.#look().finally(() => {
          this.#looking = undefined
        })
      }, this.#times.lookEvery),
    )
    for (const timer of this.#timers) timer.unref()
  }

  /** Resolves when the others know who has left this worker. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    await this.#pump.settled()
    await this.#looking
  }

  /** A person's first stream at this worker began. */
  arrived(userId: string): void {
    this.#here.add(userId)
    this.#note([userId])
  }

  /** A person's last stream at this worker ended. */
  left(userId: string): void {
    this.#here.delete(userId)
    this.#note([userId])
  }

  /** Tells a stream who is there, of those whom its person talks with; and who is not, where it was told of them before. */
  live(stream: LiveStream): void {
    if (this.#live.size >= mostLive) return // it hears of who comes and goes
    this.#live.set(stream, this.#liveAt.get(stream) ?? 0)
    this.#liveAt.set(stream, Date.now())
    this.#pump.wake()
  }

  /** A person shows themselves from now on, or not any more. */
  settingChanged(user: UserDocument): void {
    this.#settingChanged(user).catch((error: unknown) => this.#warn(error))
  }

  /** Of two one has blocked the other, or does not any more: each is told whether the other is there, or not there where they may not see it. */
  pairChanged(one: string, other: string): void {
    this.#pairChanged(one, other).catch((error: unknown) => this.#warn(error))
  }

  /** Of these people, those whom somebody may see: whether they are there, and when they were last. @throws where Redis is away */
  async seenAmong(viewerId: string, userIds: readonly string[]): Promise<Map<string, { online: boolean; lastSeenAt: Date | null }>> {
    const { audience, store } = this.#deps
    const seen = await audience.seenAmong(viewerId, userIds)
    const online = new Set(await store.online(seen.map(({ userId }) => userId)))
    return new Map(
      seen.map(({ userId, lastSeenAt }) => [userId, { online: online.has(userId), lastSeenAt: online.has(userId) ? null : lastSeenAt }]),
    )
  }

  #note(userIds: Iterable<string>): void {
    for (const userId of userIds) this.#changed.add(userId)
    this.#pump.wake()
  }

  async #turn(): Promise<void> {
    const [changed, live] = [[...this.#changed].slice(0, mostAtOnce), take(this.#live)]
    for (const userId of changed) this.#changed.delete(userId)
    const showing = Promise.all(live.map(([stream, before]) => this.#show(stream, before)))
    try {
      const [here, gone] = [changed.filter((userId) => this.#here.has(userId)), changed.filter((userId) => !this.#here.has(userId))]
      const came = await this.#deps.store.touch(here, this.#times.live)
      await this.#deps.store.touch(gone, this.#times.grace)
      await Promise.all(came.map(async (userId) => this.#tell(await this.#deps.audience.of(userId), userId, true, null)))
    } catch (error) {
      this.#warn(error)
    }
    await showing
  }

  async #show(stream: LiveStream, before: number): Promise<void> {
    const { audience, store } = this.#deps
    if (stream.ended) return
    try {
      const seen = await audience.seenBy(stream.userId)
      const online = new Set(await store.online(seen.map(({ userId }) => userId)))
      for (const { userId, since, lastSeenAt } of seen) {
        if (online.has(userId)) stream.passing(frameOf(userId, true, null))
        else if (since.getTime() < before) stream.passing(frameOf(userId, false, lastSeenAt))
      }
    } catch (error) {
      this.#warn(error)
      if (this.#again.size < mostLive) this.#again.set(stream, before)
    }
  }

  /** Tells of those whose time has run out at every worker. */
  async #look(): Promise<void> {
    for (const [stream, before] of this.#again) this.#live.set(stream, this.#live.get(stream) ?? before)
    this.#again.clear()
    this.#pump.wake()
    try {
      await Promise.all((await this.#deps.store.gone()).map((gone) => this.#tellGone(gone)))
    } catch (error) {
      this.#warn(error)
    }
  }

  async #tellGone({ userId, until }: Gone): Promise<void> {
    const { users, audience, store } = this.#deps
    const lastSeenAt = new Date(until.getTime() - this.#times.grace)
    await users.noteSeen(userId, lastSeenAt)
    await this.#tell(await audience.of(userId), userId, false, lastSeenAt)
    if (!(await store.forget(userId))) await this.#tell(await audience.of(userId), userId, true, null) // back meanwhile
  }

  async #settingChanged(user: UserDocument): Promise<void> {
    const { audience, store } = this.#deps
    const userId = user._id.toHexString()
    const shows = settingsOf(user).presence
    const online = shows && (await store.online([userId])).length > 0
    await this.#tell(await audience.around(userId), userId, online, shows && !online ? (user.lastSeenAt ?? null) : null)
  }

  async #pairChanged(one: string, other: string): Promise<void> {
    if (!(await this.#deps.audience.areTalking(one, other))) return
    await Promise.all(
      [one, other].map(async (viewerId) => {
        const userId = viewerId === one ? other : one
        const { online = false, lastSeenAt = null } = (await this.seenAmong(viewerId, [userId])).get(userId) ?? {}
        await this.#tell([viewerId], userId, online, lastSeenAt)
      }),
    )
  }

  async #tell(to: readonly string[], userId: string, online: boolean, lastSeenAt: Date | null): Promise<void> {
    const frame = frameOf(userId, online, lastSeenAt)
    await Promise.all(to.map((viewerId) => this.#deps.log.tell(`user:${viewerId}`, frame)))
  }

  #warn(error: unknown): void {
    this.#deps.logger.warn({ err: error }, 'who is there was not told')
  }
}

const frameOf = (userId: string, online: boolean, lastSeenAt: Date | null): Buffer =>
  encodePassing({ type: 'presence', at: new Date().toISOString(), userId, online, lastSeenAt: lastSeenAt?.toISOString() ?? null })

const take = <K, T>(from: Map<K, T>): [K, T][] => {
  const taken = [...from].slice(0, mostAtOnce)
  for (const [key] of taken) from.delete(key)
  return taken
}
