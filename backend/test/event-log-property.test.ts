import { randomUUID } from 'node:crypto'
import * as fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { RedisSubscriber } from '../src/platform/redis-subscriber.js'
import type { Entry, EventLog, LogLimits } from '../src/realtime/log/log.js'
import { MemoryLog } from '../src/realtime/log/memory-log.js'
import { type EntryId, idIn, isAfter, origin } from '../src/realtime/log/position.js'
import { RedisLog } from '../src/realtime/log/redis-log.js'
import { controlChannel } from '../src/realtime/log/shards.js'

type ConversationChannel = Entry['channel']

/** An event in a document's outbox. */
interface Pending {
  readonly entry: Entry
  answered: boolean
}

/** What the database holds of one message. */
interface Document {
  readonly channel: ConversationChannel
  readonly seq: number
  readonly messageId: string
  readonly worker: number
  /** Every event of its content, told or not, in the order of versions. */
  readonly content: Pending[]
  outbox: Pending[]
  /** Set by its deletion: the log's head right after the purge, and how much of its content had been answered `appended` before. */
  deletion?: { readonly at: EntryId; readonly answered: number }
}

/** An outbox as a publisher read it, and what it still publishes of it. */
interface Turn {
  readonly document: Document
  readonly events: Pending[]
  /** Read, and to be set before the next append. */
  base?: number | undefined
}

interface Heard {
  readonly channel: string
  readonly id: EntryId
  readonly text: string
}

const fates = ['works', 'answer lost', 'never arrives'] as const
type Fate = (typeof fates)[number]
type Step =
  | { readonly does: 'commit'; readonly conversation: number; readonly worker: number }
  | { readonly does: 'edit' | 'delete' | 'publish' | 'forget'; readonly document: number }
  | { readonly does: 'sweep' }
  | { readonly does: 'append'; readonly publisher: number; readonly fate: Fate }

const sweeper = 2
const limits: LogLimits = { entriesPerChannel: 1000, ttlSeconds: 3600 }
const document = fc.nat(30)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ does: fc.constant('commit'), conversation: fc.nat(1), worker: fc.nat(1) }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('edit'), document }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('delete'), document }) },
  { weight: 5, arbitrary: fc.record({ does: fc.constant('publish'), document }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('forget'), document }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('sweep') }) },
  {
    weight: 12,
    arbitrary: fc.record({ does: fc.constant('append'), publisher: fc.nat(sweeper), fate: fc.constantFrom('works', 'works', ...fates) }),
  },
)

/** Two workers and a sweeper that publish the outboxes of two conversations, an append a step, and what is committed meanwhile. */
class World {
  readonly documents: Document[] = []
  readonly channels: ConversationChannel[] = [`conversation:${randomUUID()}`, `conversation:${randomUUID()}`]
  /** Of each publisher, in the order in which it publishes. */
  readonly #turns: Turn[][] = [[], [], []]
  readonly #log: EventLog
  constructor(log: EventLog) {
    this.#log = log
  }

  async take(taken: Step): Promise<void> {
    if (taken.does === 'commit') return this.#commit(taken)
    if (taken.does === 'append') return this.#append(taken.publisher, taken.fate)
    if (taken.does === 'sweep') return this.#sweep()
    const chosen = this.documents[taken.document % this.documents.length]
    if (!chosen) return
    if (taken.does === 'edit') edit(chosen)
    if (taken.does === 'delete') await this.#delete(chosen)
    if (taken.does === 'publish') this.#begin(chosen.worker, chosen)
    if (taken.does === 'forget') forget(chosen)
  }

  /** Sweeps until every outbox is empty; then the workers go on with what they had read before. */
  async settle(): Promise<void> {
    for (let sweeps = 0; sweeps < 3 && this.documents.some(({ outbox }) => outbox.length > 0); sweeps++) {
      this.#sweep()
      await this.#finish(sweeper)
      for (const each of this.documents) forget(each)
    }
    for (const worker of [0, 1]) await this.#finish(worker)
    expect(this.documents.filter(({ outbox }) => outbox.length > 0)).toEqual([])
  }

  #commit({ conversation, worker }: { conversation: number; worker: number }): void {
    const channel = this.channels[conversation]
    if (!channel) return
    const seq = this.documents.filter((each) => each.channel === channel).length + 1
    const messageId = `${conversation}/${seq}`
    const created = pending({ channel, messageId, seq, ...named(`created ${messageId}`) })
    this.documents.push({ channel, seq, messageId, worker, content: [created], outbox: [created] })
  }

  /** A pending create stays for its place in the order of seq: the log refuses its content. */
  async #delete(deleted: Document): Promise<void> {
    if (deleted.deletion) return
    await this.#log.purge(deleted.channel, deleted.messageId)
    const answered = deleted.content.filter((each) => each.answered).length
    deleted.deletion = { at: idIn((await this.#log.head()).position, 0), answered }
    const place = deleted.outbox.filter(({ entry }) => entry.seq !== undefined)
    deleted.outbox = [...place, pending({ channel: deleted.channel, ...named(`deleted ${deleted.messageId}`) })]
  }

  #begin(publisher: number, read: Document): void {
    if (read.outbox.length > 0) this.#turns[publisher]?.push({ document: read, events: [...read.outbox] })
  }

  #sweep(): void {
    const inOrder = this.documents.toSorted((left, right) => left.seq - right.seq)
    if (this.#turns[sweeper]?.length === 0) for (const each of inOrder) this.#begin(sweeper, each)
  }

  async #finish(publisher: number): Promise<void> {
    const mostCalls = 3 * (this.#turns[publisher]?.flatMap(({ events }) => events).length ?? 0) // an append, the base, the append again
    for (let calls = 0; calls < mostCalls; calls++) await this.#append(publisher, 'works')
    expect(this.#turns[publisher]).toEqual([])
  }

  /** One call of a publisher. It gives up a document at the first event that is not answered `appended`. */
  async #append(publisher: number, fate: Fate): Promise<void> {
    const turns = this.#turns[publisher] ?? []
    const [turn] = turns
    const event = turn?.events[0]
    if (!turn || !event) return
    const arrives = fate !== 'never arrives'
    if (turn.base !== undefined) {
      if (arrives) await this.#log.setBase(turn.document.channel, turn.base)
      turn.base = undefined
      return
    }
    const outcome = arrives ? (await this.#log.append(event.entry)).outcome : undefined
    if (fate === 'works' && outcome === 'need-base') {
      turn.base = this.#baseOf(turn.document.channel)
      return
    }
    if (fate === 'works' && outcome === 'appended') {
      event.answered = true
      turn.events.shift()
      if (turn.events.length > 0) return
    }
    turns.shift()
  }

  #baseOf(channel: ConversationChannel): number {
    const untold = this.documents.filter((each) => each.channel === channel && each.outbox.some(({ entry }) => entry.seq !== undefined))
    return Math.min(...untold.map(({ seq }) => seq)) - 1
  }
}

const pending = (entry: Entry): Pending => ({ entry, answered: false })
const named = (text: string) => ({ eventId: text, frame: Buffer.from(text) })
const textOf = ({ entry }: Pending): string => entry.frame.toString()

const edit = ({ channel, messageId, content, outbox, deletion }: Document): void => {
  if (deletion) return
  const edited = pending({ channel, messageId, ...named(`edited ${messageId} version ${content.length + 1}`) })
  content.push(edited)
  outbox.push(edited)
}

const forget = (of: Document): void => {
  of.outbox = of.outbox.filter(({ answered }) => !answered)
}

/** What was heard of one message: all its content in order, or, of a deleted one, what was told before the purge, and the deletion. */
const expectWhole = ({ messageId, content, deletion }: Document, heard: readonly Heard[]): void => {
  const ofContent = heard.filter(({ text }) => !text.startsWith('deleted'))
  const told = deletion ? ofContent.length : content.length
  const expected = [...content.slice(0, told).map(textOf), ...(deletion ? [`deleted ${messageId}`] : [])]
  expect(heard.map(({ text }) => text)).toEqual(expected)
  if (!deletion) return
  expect(ofContent.length).toBeGreaterThanOrEqual(deletion.answered)
  for (const { id } of ofContent) expect(isAfter(id, deletion.at)).toBe(false)
}

const generation = randomUUID()
const connections: Redis[] = []
const aConnection = (): Redis => {
  const connection = new Redis(inject('redisUrl'))
  connections.push(connection)
  return connection
}
afterAll(() => {
  for (const connection of connections) connection.disconnect()
})

const inRedis = (): EventLog =>
  new RedisLog({ commands: aConnection(), subscriber: new RedisSubscriber(aConnection()), generation: () => generation, limits, shards: 1 })
const kinds: [string, number, () => EventLog][] = [
  ['in Redis', 200, inRedis],
  ['in memory', 1000, () => new MemoryLog(limits)],
]

describe.each(kinds)('the event log %s', (_name, numRuns, create) => {
  let log: EventLog
  let arrived: Heard[]
  beforeAll(async () => {
    log = create()
    log.listen({
      frame: (channel, id, frame) => void arrived.push({ channel, id: id ?? origin, text: frame.toString() }),
      gap: () => undefined, // the tick would never arrive
      restored: () => undefined,
    })
    await log.subscribe([controlChannel(0)])
  })

  /** All that a subscriber hears of these steps. */
  const heardOf = async (world: World, steps: readonly Step[]): Promise<Heard[]> => {
    arrived = []
    for (const channel of world.channels) await log.subscribe([channel])
    for (const each of steps) await world.take(each)
    await world.settle()
    await log.tick() // arrives after all that was published before
    await vi.waitFor(() => expect(arrived.at(-1)?.channel).toBe(controlChannel(0)), { interval: 1, timeout: 30_000 })
    for (const channel of world.channels) log.unsubscribe(channel)
    return arrived.slice(0, -1)
  }

  it('tells everything once and in order, whoever publishes first, again or in vain', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120, size: 'max' }), async (steps) => {
        const world = new World(log)
        const heard = await heardOf(world, steps)
        for (const [n, { id }] of heard.entries()) expect(isAfter(id, heard[n - 1]?.id ?? origin)).toBe(true)
        for (const channel of world.channels) {
          const documents = world.documents.filter((each) => each.channel === channel)
          const ofChannel = heard.filter((each) => each.channel === channel)
          const of = ({ messageId }: Document) => ofChannel.filter(({ text }) => text.split(' ')[1] === messageId)
          for (const each of documents) expectWhole(each, of(each))
          expect(ofChannel).toHaveLength(documents.flatMap(of).length)

          const created = documents.map(({ messageId }) => `created ${messageId}`)
          const createdHeard = ofChannel.map(({ text }) => text).filter((text) => text.startsWith('created'))
          expect(createdHeard).toEqual(created.filter((text) => createdHeard.includes(text)))

          const purged = new Set(documents.filter(({ deletion }) => deletion).flatMap(({ content }) => content.map(textOf)))
          const logged = (await log.read(channel, origin, idIn((await log.head()).position, 0), limits.entriesPerChannel)).entries
          const kept = ofChannel.filter(({ text }) => !purged.has(text)).map(({ id, text }) => ({ id, text }))
          expect(logged.map(({ id, frame }) => ({ id, text: frame.toString() }))).toEqual(kept)
        }
      }),
      { numRuns },
    )
  }, 120_000) // a failure takes long to be made small
})
