import { expect, it, onTestFinished } from 'vitest'
import { startRedis } from './support/redis-server.js'
import { publishIsReceived, startClients, until } from './support/redis-server-clients.js'

it('gives up a Redis that hangs, and takes it again when it answers', async () => {
  const server = await startRedis()
  onTestFinished(() => server.stop())
  const { clients } = startClients({ REDIS_URL: `redis://127.0.0.1:${server.port}` })
  await until(() => clients.ready)
  await clients.subscriber.subscribe('quiet')
  process.kill(server.pid, 'SIGSTOP')
  try {
    await until(() => clients.commands.status !== 'ready' && clients.subscriber.status !== 'ready')
    expect(clients.ready).toBe(false)
  } finally {
    process.kill(server.pid, 'SIGCONT')
  }
  await until(() => clients.ready)
  await publishIsReceived(clients)
})
