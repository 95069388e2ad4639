import { join } from 'node:path'
import { Link } from './link.js'
import type { RedisTopology } from './redis.js'
import { RedisNode } from './redis-node.js'

/** One Redis with an append-only file; each worker reaches it by a link of its own. */
export class SingleRedis implements RedisTopology {
  readonly kind = 'single'
  readonly #node: RedisNode
  readonly #links: readonly Link[]

  private constructor(node: RedisNode, links: readonly Link[]) {
    this.#node = node
    this.#links = links
  }

  static async start(folder: string, workers: number): Promise<SingleRedis> {
    const node = await RedisNode.server(join(folder, 'redis'), ['--appendonly', 'yes', '--appendfsync', 'everysec'])
    const links = await Promise.all(Array.from({ length: workers }, () => Link.open(node.port)))
    return new SingleRedis(node, links)
  }

  environmentFor(worker: number): Record<string, string> {
    return { REDIS_URL: `redis://127.0.0.1:${this.#link(worker).port}` }
  }

  async master(): Promise<RedisNode> {
    return this.#node
  }

  async linkOf(worker: number): Promise<Link> {
    return this.#link(worker)
  }

  async healed(): Promise<void> {
    await this.#node.ask((admin) => admin.ping())
  }

  async stop(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.close()))
    await this.#node.kill()
  }

  #link(worker: number): Link {
    const link = this.#links[worker]
    if (!link) throw new Error(`There is no worker ${worker}`)
    return link
  }
}
