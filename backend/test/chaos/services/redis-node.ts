import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { becomesTrue } from '../../../../dev/services/deadline.js'
import { findOnPath } from '../../../../dev/services/executables.js'
import { freePort } from '../../../../dev/services/free-port.js'
import { pingRedis } from '../../../../dev/services/redis/ping.js'
import { Process } from './process.js'

const startDeadlineSeconds = 20

/** One redis-server, or Sentinel, at a port that stays its own: to be killed, held, and started again with or without what it held. */
export class RedisNode {
  readonly port: number
  readonly #folder: string
  readonly #words: readonly string[]
  #process: Process

  private constructor(port: number, folder: string, words: readonly string[]) {
    this.port = port
    this.#folder = folder
    this.#words = words
    this.#process = this.#launch()
  }

  static async server(folder: string, settings: readonly string[] = []): Promise<RedisNode> {
    mkdirSync(folder, { recursive: true })
    const always = ['--save', '', '--maxmemory-policy', 'noeviction', '--repl-diskless-sync-delay', '0']
    return RedisNode.#start(folder, [...always, ...settings])
  }

  static async sentinel(folder: string, lines: readonly string[]): Promise<RedisNode> {
    mkdirSync(folder, { recursive: true })
    const configuration = join(folder, 'sentinel.conf')
    writeFileSync(configuration, lines.join('\n'))
    return RedisNode.#start(folder, [configuration, '--sentinel'])
  }

  static async #start(folder: string, words: readonly string[]): Promise<RedisNode> {
    const port = await freePort()
    const node = new RedisNode(port, folder, [...words, '--port', String(port), '--bind', '127.0.0.1', '--dir', folder])
    await node.#answers()
    return node
  }

  /** Asks this server once, over a connection of its own. */
  async ask<T>(question: (admin: Redis) => Promise<T>): Promise<T> {
    const admin = new Redis(this.port, { commandTimeout: 2000, maxRetriesPerRequest: 1, retryStrategy: () => null })
    admin.on('error', () => undefined) // the question fails, and says so
    try {
      return await question(admin)
    } finally {
      admin.disconnect()
    }
  }

  async kill(): Promise<void> {
    await this.#process.kill()
  }

  /** Starts it again with what its append-only file holds, or with nothing. */
  async startAgain({ empty }: { empty: boolean }): Promise<void> {
    if (empty) rmSync(join(this.#folder, 'appendonlydir'), { recursive: true, force: true })
    this.#process = this.#launch()
    await this.#answers()
  }

  hold(): void {
    this.#process.signal('SIGSTOP')
  }

  goOn(): void {
    this.#process.signal('SIGCONT')
  }

  #launch(): Process {
    const path = findOnPath('redis-server', process.env)
    if (path === undefined) throw new Error('There is no redis-server on PATH; on Debian: apt-get install redis-server')
    return new Process(path, this.#words, { logFile: join(this.#folder, 'redis.log') })
  }

  async #answers(): Promise<void> {
    const url = `redis://127.0.0.1:${this.port}`
    const answered = () =>
      pingRedis(url, 1000).then(
        () => true,
        () => false,
      )
    if (!(await becomesTrue(startDeadlineSeconds, answered))) throw new Error(`Redis at ${url} did not answer in ${startDeadlineSeconds} s`)
  }
}
