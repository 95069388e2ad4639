import { join } from 'node:path'
import { becomesTrue } from '../../../../dev/services/deadline.js'
import { Link } from './link.js'
import type { RedisTopology } from './redis.js'
import { RedisNode } from './redis-node.js'
import { SentinelStandIn } from './sentinel-stand-in.js'

const name = 'chat'
const deadlineSeconds = 30
const nodeCount = 2

/** A server, and the ways to it. */
interface Place {
  readonly node: RedisNode
  /** By which Sentinel and the other server know it. */
  readonly known: Link
  /** By worker. */
  readonly links: readonly Link[]
}

/** A master, a replica and a Sentinel. Each worker has links of its own to both, and asks a stand-in that knows them. */
export class SentinelRedis implements RedisTopology {
  readonly kind = 'sentinel'
  readonly #places: readonly Place[]
  readonly #sentinel: RedisNode
  #standIns: readonly SentinelStandIn[] = []

  private constructor(places: readonly Place[], sentinel: RedisNode) {
    this.#places = places
    this.#sentinel = sentinel
  }

  static async start(folder: string, workers: number): Promise<SentinelRedis> {
    const places: Place[] = []
    for (let n = 0; n < nodeCount; n++) places.push(await aPlace(join(folder, `redis-${n}`), workers, places[0]?.known.port))
    const sentinel = await RedisNode.sentinel(join(folder, 'sentinel'), [
      `sentinel monitor ${name} 127.0.0.1 ${places[0]?.known.port} 1`,
      `sentinel down-after-milliseconds ${name} 1000`,
      `sentinel failover-timeout ${name} 3000`,
    ])
    const topology = new SentinelRedis(places, sentinel)
    const standIns = Array.from({ length: workers }, (_, worker) => SentinelStandIn.open(async () => (await topology.linkOf(worker)).port))
    topology.#standIns = await Promise.all(standIns)
    await topology.healed()
    return topology
  }

  environmentFor(worker: number): Record<string, string> {
    return { REDIS_SENTINELS: `127.0.0.1:${this.#standIns[worker]?.port}`, REDIS_SENTINEL_NAME: name }
  }

  async master(): Promise<RedisNode> {
    return (await this.#masterPlace()).node
  }

  async linkOf(worker: number): Promise<Link> {
    const link = (await this.#masterPlace()).links[worker]
    if (!link) throw new Error(`There is no worker ${worker}`)
    return link
  }

  /** Makes the replica the master, the present one being well. */
  async failOver(): Promise<void> {
    const before = await this.master()
    await this.#sentinel.ask((admin) => admin.call('SENTINEL', 'FAILOVER', name))
    await this.failedOver(before)
  }

  /** Resolves when another than this one is the master. */
  async failedOver(before: RedisNode): Promise<void> {
    if (!(await becomesTrue(deadlineSeconds, async () => (await this.master()) !== before, 100))) throw new Error('There was no failover')
  }

  /**
   * Cuts the master off from Sentinel, its replica and all workers but one, who goes on with it while the others get another master.
   * @returns what puts it right: the two halves meet again
   */
  async split(staying: number): Promise<() => void> {
    const { node, known, links } = await this.#masterPlace()
    const cut = [known, ...links.filter((_, worker) => worker !== staying)]
    for (const link of cut) link.cut()
    await this.failedOver(node)
    return () => {
      for (const link of cut) link.restore()
    }
  }

  async healed(): Promise<void> {
    if (!(await becomesTrue(deadlineSeconds, () => this.#isWhole().catch(() => false), 100)))
      throw new Error('Sentinel did not come to a master with a replica')
  }

  async stop(): Promise<void> {
    await Promise.all(this.#standIns.map((standIn) => standIn.close()))
    await Promise.all(this.#places.flatMap(({ known, links }) => [known, ...links].map((link) => link.close())))
    await Promise.all([this.#sentinel, ...this.#places.map(({ node }) => node)].map((node) => node.kill()))
  }

  /** The master that Sentinel names has its replica in step, and Sentinel knows of it: the next failover can come. */
  async #isWhole(): Promise<boolean> {
    const master = await this.master()
    const replication = await master.ask((admin) => admin.info('replication'))
    if (!/role:master/.test(replication) || !/state=online/.test(replication)) return false
    const [replica] = (await this.#sentinel.ask((admin) => admin.call('SENTINEL', 'REPLICAS', name))) as string[][]
    const valueOf = (field: string) => replica?.[replica.indexOf(field) + 1]
    return valueOf('flags') === 'slave' && valueOf('master-link-status') === 'ok'
  }

  async #masterPlace(): Promise<Place> {
    const [, port] = (await this.#sentinel.ask((admin) => admin.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name))) as [string, string]
    const place = this.#places.find(({ known }) => known.port === Number(port))
    if (!place) throw new Error(`Sentinel names an unknown master at ${port}`)
    return place
  }
}

/** A server of its own, a replica of the one at `masterPort` where that is given. */
const aPlace = async (folder: string, workers: number, masterPort: number | undefined): Promise<Place> => {
  const known = await Link.open(0)
  const announced = ['--replica-announce-ip', '127.0.0.1', '--replica-announce-port', String(known.port)]
  const following = masterPort === undefined ? [] : ['--replicaof', '127.0.0.1', String(masterPort)]
  const node = await RedisNode.server(folder, [...announced, ...following])
  known.leadTo(node.port)
  return { node, known, links: await Promise.all(Array.from({ length: workers }, () => Link.open(node.port))) }
}
