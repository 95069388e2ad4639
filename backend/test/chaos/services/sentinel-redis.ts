import { join } from 'node:path'
import { becomesTrue } from '../../../../dev/services/deadline.js'
import { Link } from './link.js'
import type { RedisTopology } from './redis.js'
import { RedisNode } from './redis-node.js'
import { SentinelStandIn } from './sentinel-stand-in.js'

const name = 'chat'
const deadlineSeconds = 30

/** A master, a replica and a Sentinel. Each worker has links of its own to both, and asks a stand-in that knows them. */
export class SentinelRedis implements RedisTopology {
  readonly kind = 'sentinel'
  readonly #nodes: readonly RedisNode[]
  readonly #sentinel: RedisNode
  /** By worker, by the port of the node. */
  readonly #links: readonly ReadonlyMap<number, Link>[]
  #standIns: readonly SentinelStandIn[] = []

  private constructor(nodes: readonly RedisNode[], sentinel: RedisNode, links: readonly ReadonlyMap<number, Link>[]) {
    this.#nodes = nodes
    this.#sentinel = sentinel
    this.#links = links
  }

  static async start(folder: string, workers: number): Promise<SentinelRedis> {
    const master = await RedisNode.server(join(folder, 'redis-a'))
    const replica = await RedisNode.server(join(folder, 'redis-b'), ['--replicaof', '127.0.0.1', String(master.port)])
    const sentinel = await RedisNode.sentinel(join(folder, 'sentinel'), [
      `sentinel monitor ${name} 127.0.0.1 ${master.port} 1`,
      `sentinel down-after-milliseconds ${name} 1000`,
      `sentinel failover-timeout ${name} 3000`,
    ])
    const nodes = [master, replica]
    const linksOfOne = async () => new Map(await Promise.all(nodes.map(async ({ port }) => [port, await Link.open(port)] as const)))
    const links = await Promise.all(Array.from({ length: workers }, linksOfOne))
    const topology = new SentinelRedis(nodes, sentinel, links)
    topology.#standIns = await Promise.all(
      links.map((linksOfWorker) =>
        SentinelStandIn.open(async () => linksOfWorker.get(await topology.#masterPort())?.port ?? Promise.reject(new Error('no such node'))),
      ),
    )
    await topology.healed()
    return topology
  }

  environmentFor(worker: number): Record<string, string> {
    return { REDIS_SENTINELS: `127.0.0.1:${this.#standIns[worker]?.port}`, REDIS_SENTINEL_NAME: name }
  }

  async master(): Promise<RedisNode> {
    const port = await this.#masterPort()
    const node = this.#nodes.find((one) => one.port === port)
    if (!node) throw new Error(`Sentinel names an unknown master at ${port}`)
    return node
  }

  async linkOf(worker: number): Promise<Link> {
    const link = this.#links[worker]?.get(await this.#masterPort())
    if (!link) throw new Error(`There is no worker ${worker}`)
    return link
  }

  /** Makes the replica the master, the present one being well. */
  async failOver(): Promise<void> {
    const before = await this.#masterPort()
    await this.#sentinel.ask((admin) => admin.call('SENTINEL', 'FAILOVER', name))
    await this.failedOver(before)
  }

  /** Resolves when another than the one at `port` is the master. */
  async failedOver(port: number): Promise<void> {
    if (!(await becomesTrue(deadlineSeconds, async () => (await this.#masterPort()) !== port, 100))) throw new Error('There was no failover')
  }

  async healed(): Promise<void> {
    if (!(await becomesTrue(deadlineSeconds, () => this.#isWhole().catch(() => false), 100)))
      throw new Error('Sentinel did not come to a master with a replica')
  }

  async stop(): Promise<void> {
    await Promise.all(this.#standIns.map((standIn) => standIn.close()))
    await Promise.all(this.#links.flatMap((links) => [...links.values()].map((link) => link.close())))
    await Promise.all([this.#sentinel, ...this.#nodes].map((node) => node.kill()))
  }

  /** The master that Sentinel names has its replica in step, and Sentinel knows of it: the next failover can come. */
  async #isWhole(): Promise<boolean> {
    const master = await this.master()
    const replication = await master.ask((admin) => admin.info('replication'))
    if (!/role:master/.test(replication) || !/state=online/.test(replication)) return false
    const [replica] = (await this.#sentinel.ask((admin) => admin.call('SENTINEL', 'REPLICAS', name))) as string[][]
    const flags = replica?.[replica.indexOf('flags') + 1]
    return flags === 'slave' && replica?.[replica.indexOf('master-link-status') + 1] === 'ok'
  }

  async #masterPort(): Promise<number> {
    const address = (await this.#sentinel.ask((admin) => admin.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name))) as [string, string]
    return Number(address[1])
  }
}
