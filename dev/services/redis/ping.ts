import { Redis } from 'ioredis'

/**
 * Asks the server for a PONG.
 * @throws Error with the reason there was none within the deadline
 */
export const pingRedis = async (url: string, deadlineMilliseconds: number): Promise<void> => {
  const client = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    connectTimeout: deadlineMilliseconds,
    commandTimeout: deadlineMilliseconds,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  })
  let reason: Error | undefined
  client.on('error', (error) => {
    reason ??= error
  })
  try {
    await client.connect()
    await client.ping()
  } catch (error) {
    throw reason ?? error
  } finally {
    client.disconnect()
  }
}
