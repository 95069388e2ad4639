import { Cluster, type Redis } from 'ioredis'
import { ClusterSubscriber } from './cluster-subscriber.js'
import type { Logger } from './logger.js'
import type { Address, RedisSettings } from './redis-address.js'
import { checkRedis } from './redis-check.js'
import type { RedisConnections } from './redis-connections.js'
import { isSilent, reasonOf } from './redis-health.js'
import { clusterOptions, nodeOptions } from './redis-options.js'

const beatMs = 5000

/**
 * The connections to a Redis Cluster: a client for commands, which follows slots and failovers, and the subscriber's own.
 * A command whose connection was lost is sent again, for 2 s at most: all that the server asks of a cluster may be done twice.
 */
export class RedisClusterClients implements RedisConnections {
  readonly commands: Cluster
  readonly channels: ClusterSubscriber
  readonly #logger: Logger
  /** Of each master that is connected: why it may not be used, or that it may. */
  readonly #judged = new Map<Redis, string | undefined>()
  readonly #warned = new Set<string>()
  #beat: NodeJS.Timeout | undefined

  constructor(settings: RedisSettings, nodes: readonly Address[], tags: readonly string[], logger: Logger) {
    this.#logger = logger
    this.commands = new Cluster([...nodes], clusterOptions(settings))
    this.channels = new ClusterSubscriber({ cluster: this.commands, tags, options: nodeOptions(settings), logger })
    this.commands.on('error', (error: Error) => logger.warn({ ...reasonOf(error), connection: 'commands' }, 'Redis: connection error'))
    this.commands.on('node error', (error: Error, node: string) => {
      logger.warn({ ...reasonOf(error), connection: 'commands', node }, 'Redis: connection error')
    })
    this.commands.on('ready', () => {
      logger.info({ connection: 'commands' }, 'Redis: ready')
      void this.#look()
      void this.channels.start()
    })
    this.commands.on('+node', () => void this.#judgeAll())
    this.commands.on('-node', (node: Redis) => this.#judged.delete(node))
  }

  start(): void {
    this.commands.connect().catch(() => undefined) // logged by 'error'
    this.#beat = setInterval(() => void this.#look(), beatMs)
    this.#beat.unref()
  }

  get ready(): boolean {
    const accepted = this.#masters.every((node) => this.#judged.has(node)) && this.refusal === undefined
    return accepted && this.commands.status === 'ready' && this.channels.ready
  }

  get refusal(): string | undefined {
    return [...this.#judged.values()].find((refusal) => refusal !== undefined)
  }

  async ping(): Promise<number> {
    const before = performance.now()
    if (this.refusal !== undefined) throw new Error(this.refusal)
    if (this.commands.status !== 'ready') throw new Error('Redis: no connection')
    await Promise.all(this.#masters.map((node) => node.ping()))
    return performance.now() - before
  }

  close(): void {
    clearInterval(this.#beat)
    this.channels.close()
    this.commands.disconnect()
  }

  get #masters(): Redis[] {
    return this.commands.nodes('master')
  }

  async #look(): Promise<void> {
    await Promise.all([this.channels.look(), this.#judgeAll(), ...this.#masters.map((node) => this.#giveUpIfSilent(node))])
  }

  /** Its slots' new owner, if there is one, is found out when it is gone. */
  async #giveUpIfSilent(node: Redis): Promise<void> {
    if (node.status !== 'ready' || !(await isSilent(node)) || node.status !== 'ready') return
    this.#logger.warn({ connection: 'commands', node: `${node.options.host}:${node.options.port}` }, 'Redis: no answer, connecting again')
    node.disconnect()
  }

  async #judgeAll(): Promise<void> {
    await Promise.all(
      this.#masters.filter((node) => this.#judged.get(node) !== undefined || !this.#judged.has(node)).map((node) => this.#judge(node)),
    )
  }

  async #judge(node: Redis): Promise<void> {
    try {
      const { refusal, warning } = await checkRedis(node)
      if (!this.#masters.includes(node)) return
      if (warning !== undefined && !this.#warned.has(warning)) this.#logger.warn(warning)
      if (warning !== undefined) this.#warned.add(warning)
      if (refusal !== undefined && refusal !== this.#judged.get(node)) {
        this.#logger.fatal(`Redis: refused: ${node.options.host}:${node.options.port}: ${refusal}`)
      }
      this.#judged.set(node, refusal)
    } catch (error) {
      this.#logger.warn(reasonOf(error), 'Redis: not checked') // the next beat asks again
    }
  }
}
