import { onTestFinished, vi } from 'vitest'
import { createLogger } from '../../src/platform/logger.js'
import { RedisClients } from '../../src/platform/redis.js'
import { read } from './configuration.js'

/** Starts the two connections that these REDIS_* variables ask for; they are closed when the test has finished. */
export const startClients = (variables: Readonly<Record<string, string>>) => {
  const logs: string[] = []
  const settings = read(variables).redis
  if (!settings) throw new Error('no Redis is configured')
  const clients = new RedisClients(settings, createLogger('debug', { write: (line) => void logs.push(line) }))
  onTestFinished(() => clients.close())
  clients.start()
  return { clients, logs }
}

/** Resolves once the condition holds. @throws where it does not within the deadline */
export const until = (condition: () => unknown, timeoutMs = 30_000): Promise<unknown> =>
  vi.waitUntil(
    async () => {
      try {
        return await condition()
      } catch {
        return false
      }
    },
    { timeout: timeoutMs, interval: 20 },
  )

/** Subscribes, publishes, and resolves once the message has come. */
export const publishIsReceived = async ({ commands, subscriber }: RedisClients): Promise<void> => {
  const heard = new Set<string>()
  subscriber.on('messageBuffer', (_name: Buffer, payload: Buffer) => heard.add(payload.toString()))
  await subscriber.subscribe('news')
  const message = `${performance.now()}`
  await commands.publish('news', message)
  await until(() => heard.has(message))
}
