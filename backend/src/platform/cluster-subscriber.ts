import { setTimeout as sleep } from 'node:timers/promises'
import { type Cluster, Redis, type RedisOptions } from 'ioredis'
import { ownersOf } from './cluster-owners.js'
import type { Logger } from './logger.js'
import type { Address } from './redis-address.js'
import { isSilent, reasonOf } from './redis-health.js'
import { backoff } from './redis-options.js'
import type { Subscriber, SubscriberListener } from './redis-subscriber.js'

interface Dependencies {
  /** Knows who owns which slot. */
  readonly cluster: Cluster
  readonly tags: readonly string[]
  readonly options: RedisOptions
  readonly logger: Logger
}

const keyOf = ({ host, port }: Address): string => `${host}:${port}`

/**
 * Sharded subscriptions (Redis 7): a connection to each master that owns one of the tags' slots. They stand or fall together: when one is lost,
 * or a slot has moved, all are made anew and who listens is told. (The subscribers that ioredis has for a Cluster come and go, and subscribe
 * again, without a word: what is missed meanwhile would never be known.)
 */
export class ClusterSubscriber implements Subscriber {
  readonly publishes = 'SPUBLISH'
  readonly #deps: Dependencies
  readonly #listeners: SubscriberListener[] = []
  #links = new Map<string, Redis>()
  #owners: ReadonlyMap<string, Address> = new Map()
  #ready = false
  #closed = false
  #connecting = false
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  get ready(): boolean {
    return this.#ready
  }

  listen(listener: SubscriberListener): void {
    this.#listeners.push(listener)
  }

  async subscribe(tag: string, names: readonly string[]): Promise<void> {
    await this.#linkOf(tag).ssubscribe(...names)
  }

  unsubscribe(tag: string, name: string): void {
    if (!this.#ready) return // there is no subscription either
    this.#linkOf(tag)
      .sunsubscribe(name)
      .catch(() => undefined)
  }

  /** Connects, and again whenever it was lost, until it is closed. */
  async start(): Promise<void> {
    if (this.#connecting) return
    this.#connecting = true
    for (let attempt = 0; !this.#ready && !this.#closed; attempt++) {
      if (attempt > 0) await sleep(backoff(attempt), undefined, { ref: false })
      await this.#connect().catch((error: unknown) => {
        this.#drop()
        this.#deps.logger.warn({ ...reasonOf(error), connection: 'subscriber' }, 'Redis: connection error')
      })
    }
    this.#connecting = false
  }

  /** Looks whether all still answer, and still own what they are subscribed at for. */
  async look(): Promise<void> {
    if (!this.#ready) return
    const links = [...this.#links.values()]
    const silent = (await Promise.all(links.map(isSilent))).includes(true)
    const owners = await ownersOf(this.#deps.cluster, this.#deps.tags).catch(() => this.#owners)
    const moved = this.#deps.tags.some((tag) => JSON.stringify(owners.get(tag)) !== JSON.stringify(this.#owners.get(tag)))
    if ((silent || moved) && links.every((link) => [...this.#links.values()].includes(link)))
      this.#lost(silent ? 'no answer' : 'a slot has moved')
  }

  close(): void {
    this.#closed = true
    this.#ready = false
    this.#drop()
  }

  #linkOf(tag: string): Redis {
    const owner = this.#owners.get(tag)
    const link = this.#ready && owner ? this.#links.get(keyOf(owner)) : undefined
    if (!link) throw new Error('Redis: no connection to subscribe at')
    return link
  }

  async #connect(): Promise<void> {
    const { cluster, tags, options } = this.#deps
    this.#owners = await ownersOf(cluster, tags)
    this.#links = new Map([...this.#owners.values()].map((owner) => [keyOf(owner), new Redis({ ...options, ...owner })]))
    const links = [...this.#links.values()]
    await Promise.all(links.map((link) => this.#connectOne(link)))
    if (this.#closed || links.some(({ status }) => status !== 'ready')) throw new Error('Redis: the connection was lost at once')
    this.#ready = true
    this.#deps.logger.info({ connection: 'subscriber', servers: links.length }, 'Redis: ready')
    for (const listener of this.#listeners) listener.ready()
  }

  async #connectOne(link: Redis): Promise<void> {
    link.on('error', (error: Error) => this.#lostOne(link, error.message)) // a moved slot's subscriptions end with a reply that nothing asked for
    link.on('close', () => this.#lostOne(link, 'closed'))
    link.on('smessageBuffer', (name: Buffer, payload: Buffer) => {
      for (const listener of this.#listeners) listener.message(name.toString(), payload)
    })
    await link.connect()
  }

  #lostOne(link: Redis, reason: string): void {
    if (this.#ready && [...this.#links.values()].includes(link)) this.#lost(reason)
  }

  #lost(reason: string): void {
    this.#ready = false
    this.#drop()
    this.#deps.logger.warn({ connection: 'subscriber', reason }, 'Redis: connecting again')
    for (const listener of this.#listeners) listener.lost()
    void this.start()
  }

  #drop(): void {
    const links = [...this.#links.values()]
    this.#links = new Map()
    for (const link of links) link.disconnect()
  }
}
