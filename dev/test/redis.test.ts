import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { describe, expect, it, onTestFinished } from 'vitest'
import { becomesTrue } from '../services/deadline.js'
import { freePort } from '../services/free-port.js'
import { pingRedis } from '../services/redis/ping.js'
import { obtainRedis } from '../services/redis.js'
import { aFolder } from './support/folder.js'
import { runProgram } from './support/program.js'

const isGone = async (url: string): Promise<boolean> => {
  try {
    await pingRedis(url, 500)
    return false
  } catch {
    return true
  }
}

const aRedis = async (dataFolder: string, durable: boolean) => {
  const environment = { PATH: process.env['PATH'] }
  const redis = await obtainRedis({ environment, dataFolder, durable, progress: () => {} })
  onTestFinished(() => redis.stop())
  return redis
}

const withClient = async <T>(url: string, work: (client: Redis) => Promise<T>): Promise<T> => {
  const client = new Redis(url)
  try {
    return await work(client)
  } finally {
    client.disconnect()
  }
}

describe('a started Redis', () => {
  it('evicts nothing, and is gone with its folder once stopped', async () => {
    const folder = aFolder()
    const redis = await aRedis(folder, false)
    await expect(withClient(redis.url, (client) => client.config('GET', 'maxmemory-policy'))).resolves.toEqual([
      'maxmemory-policy',
      'noeviction',
    ])
    await redis.stop()
    await expect(isGone(redis.url)).resolves.toBe(true)
    expect(existsSync(join(folder, 'redis'))).toBe(false)
  })

  it('keeps its data from one start to the next when durable', async () => {
    const folder = aFolder()
    const first = await aRedis(folder, true)
    await withClient(first.url, (client) => client.set('kept', 'yes'))
    await first.stop()
    const second = await aRedis(folder, true)
    await expect(withClient(second.url, (client) => client.get('kept'))).resolves.toBe('yes')
  })

  it('is gone with its folder after its parent was killed', async () => {
    const folder = aFolder()
    const parent = runProgram(fileURLToPath(new URL('support/hold-redis.ts', import.meta.url)), [folder])
    await parent.prints(/url=redis:\S+\n/, 50)
    const url = /url=(\S+)/.exec(parent.output())?.[1] ?? ''
    await expect(isGone(url)).resolves.toBe(false)
    parent.process.kill('SIGKILL')
    await expect(becomesTrue(10, () => isGone(url))).resolves.toBe(true)
    await expect(becomesTrue(10, () => !existsSync(join(folder, 'redis')))).resolves.toBe(true)
  })
})

describe('getting Redis', () => {
  it('says that REDIS_URL does not answer, without showing its password', async () => {
    const environment = { REDIS_URL: `redis://:hunter2@127.0.0.1:${await freePort()}` }
    const error = await obtainRedis({ environment, dataFolder: aFolder(), durable: false, progress: () => {} }).catch(
      (caught: unknown) => caught,
    )
    expect(String(error)).toMatch(/REDIS_URL names redis:\/\/127\.0\.0\.1:\d+, which does not answer: .*ECONNREFUSED.*unset REDIS_URL/)
    expect(String(error)).not.toContain('hunter2')
  })

  it('names the command to type where there is none', async () => {
    const setting = { environment: { PATH: aFolder() }, dataFolder: aFolder(), durable: false, progress: () => {} }
    await expect(obtainRedis(setting)).rejects.toThrow(/no redis-server on PATH\n.*sudo apt-get install -y redis-server/)
  })
})
