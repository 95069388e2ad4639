import type { Response } from 'express'
import type { Caller } from '../../http/endpoint.js'
import { Problem } from '../../http/problem.js'
import { BoundedWork } from '../../platform/bounded-work.js'
import { encodeFrame } from '../../realtime/catalogue.js'
import { encodeCursor, parseCursor } from '../../realtime/cursor.js'
import type { Hub } from '../../realtime/hub.js'
import { startLifetime } from '../../realtime/lifetime.js'
import type { Channel, EventLog, Head, LogLimits } from '../../realtime/log/log.js'
import { type EntryId, idIn, type Position } from '../../realtime/log/position.js'
import { type Membership, type Verdict, verdictOf } from '../../realtime/resume.js'
import { EventStream } from '../../realtime/stream.js'
import type { Memberships } from '../conversations/index.js'
import type { SessionService } from '../sessions/index.js'

interface Dependencies {
  readonly hub: Hub
  readonly log: Pick<EventLog, 'head' | 'states' | 'shardOf'>
  readonly limits: LogLimits
  readonly memberships: Pick<Memberships, 'of'>
  readonly sessions: Pick<SessionService, 'endOf'>
  /** How long a stream lives at most. */
  readonly lifetimeMs?: number
  /** Told what became of the position that each stream was opened with. */
  readonly onOpened?: (verdict: Verdict) => void
}

const defaultLifetimeMs = 12 * 3_600_000

const channelOf = ({ conversationId }: Pick<Membership, 'conversationId'>): Channel => `conversation:${conversationId}`

/** When a worker is lost all its clients come at once: each needs answers of the database and of Redis within their deadlines. */
const openings = { what: 'streams that open', mostAtOnce: 50, mostWaiting: 20_000, deadlineMs: 20_000 } as const

export class StreamService {
  readonly #deps: Dependencies
  readonly #openings = new BoundedWork(openings)
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /**
   * Opens a caller's stream: first `resume`, which says what becomes of the position that the client gave, then what it missed, then what happens.
   * It ends with the caller's session, after 12 h at the latest.
   * @throws Problem session_revoked where the session has ended, service_unavailable where Redis is away or this worker is about to stop; before any byte is sent
   */
  async open(caller: Caller, response: Response, lastEventId: string | undefined): Promise<void> {
    const { hub } = this.#deps
    try {
      const stream = await this.#openings.run(() => this.#open(caller, response, lastEventId))
      void hub.catchUp(stream)
    } catch (error) {
      if (error instanceof Problem) throw error
      throw new Problem('service_unavailable', 'Events cannot be told right now', { cause: error })
    }
  }

  async #open(caller: Caller, response: Response, lastEventId: string | undefined): Promise<EventStream> {
    const { hub, log } = this.#deps
    if (hub.draining) throw new Problem('service_unavailable', 'This worker is about to stop')
    await hub.ready()
    const head = await log.head()
    hub.noteEpoch(head.epoch)
    const cursor = lastEventId === undefined ? undefined : parseCursor(lastEventId)
    if (response.destroyed) throw new Error('The client has gone') // its 'close' has been: no await from here until it is listened to
    const stream = new EventStream(response, caller, head.position)
    response.on('close', () => hub.detach(stream)) // comes once; `once` would keep a wrapper with each stream
    hub.attach(stream)
    // The session is read once the stream is attached: if it is revoked from now on, the hub ends it.
    const [lifetimeMs, memberships] = await Promise.all([this.#lifetimeMs(caller), this.#subscribe(stream)])
    const { verdict, refetch } = await this.#verdict(caller, memberships, { cursor, given: Boolean(lastEventId), head })
    if (!hub.has(stream)) throw new Error('Redis was lost meanwhile')
    const from = cursor && (verdict === 'exact' || verdict === 'partial') ? cursor.position : head.position
    stream.begin(from, new Map([...this.#fromPosition(stream, from), ...this.#fromHead(refetch, head)]))
    const position = encodeCursor({ epoch: head.epoch, position: from })
    if (stream.ended) {
      await this.#lifetimeMs(caller) // says so where it ended with its session
      throw new Error('The stream ended before it began')
    }
    stream.open(encodeFrame('resume', { type: 'resume', verdict, cursor: position, refetch }, position))
    this.#deps.onOpened?.(verdict)
    response.on('close', startLifetime(stream, lifetimeMs))
    return stream
  }

  async #lifetimeMs(caller: Caller): Promise<number> {
    const { sessions, lifetimeMs = defaultLifetimeMs } = this.#deps
    const end = await sessions.endOf(caller)
    return Math.min(lifetimeMs, end.getTime() - Date.now())
  }

  /** The user's own channel first, so that a conversation that begins meanwhile is heard of; then those of the conversations. */
  async #subscribe(stream: EventStream): Promise<Membership[]> {
    const { hub, memberships } = this.#deps
    await hub.join(stream, new Map<Channel, undefined>([[`user:${stream.userId}`, undefined]]))
    const of = await memberships.of(stream.userId)
    const still = of.filter(({ conversationId, version }) => stream.membershipChanges.isIn(conversationId, version))
    const channels = still.map(channelOf).filter((channel) => !stream.channels.has(channel))
    await hub.join(stream, new Map(channels.map((channel) => [channel, undefined])))
    return still
  }

  /** What the user came into while the stream opened is not told from before the client's position: it may have been told of an earlier stay there. */
  #fromPosition(stream: EventStream, from: Position): Map<Channel, EntryId> {
    const joined = [...stream.channels].filter(([, since]) => since !== undefined).map(([channel]) => channel)
    return new Map(joined.map((channel) => [channel, idIn(from, this.#deps.log.shardOf(channel))]))
  }

  /** What is to be fetched is told from here on. */
  #fromHead(refetch: readonly string[], head: Head): Map<Channel, EntryId> {
    const channels = refetch.map((conversationId) => channelOf({ conversationId }))
    return new Map(channels.map((channel) => [channel, idIn(head.position, this.#deps.log.shardOf(channel))]))
  }

  async #verdict(
    caller: Caller,
    memberships: readonly Membership[],
    asked: { cursor: ReturnType<typeof parseCursor>; given: boolean; head: Head },
  ): Promise<{ verdict: Verdict; refetch: string[] }> {
    const { log, limits } = this.#deps
    if (!asked.given) return { verdict: 'live', refetch: [] }
    const ownChannel: Channel = `user:${caller.userId}`
    const [state, ...states] = await log.states([ownChannel, ...memberships.map(channelOf)])
    if (!state) throw new Error('The log answered for fewer channels than were asked')
    const withStates = memberships.flatMap((membership, n) => {
      const of = states[n]
      return of ? [{ ...membership, shard: log.shardOf(channelOf(membership)), state: of }] : []
    })
    const own = { shard: log.shardOf(ownChannel), state }
    return verdictOf({ ...asked, ttlSeconds: limits.ttlSeconds, own, memberships: withStates })
  }
}
