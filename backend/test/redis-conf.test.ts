import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../dev/services/free-port.js'
import { projectFolder } from '../../dev/services/project.js'
import { pingRedis } from '../../dev/services/redis/ping.js'
import { startServer } from '../../dev/services/start-server.js'
import type { Supervised } from '../../dev/services/supervise.js'
import { temporaryFolder } from '../../dev/services/temporary-folder.js'
import { composeFile, filledIn } from './support/compose.js'
import { aDirectConversation } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const password = 'f00dfeedf00dfeed'
const folder = temporaryFolder()
let port: number
let server: Supervised
let admin: Redis
let app: TestApp

const file = readFileSync(join(projectFolder, 'deploy/redis/redis.conf'), 'utf8')

/** The command of docker-compose.yml, its paths and its port those of this test. */
const commandOf = (): readonly string[] => {
  const { command = [] } = composeFile('docker-compose.yml').services['redis'] ?? {}
  const line = filledIn(command.at(-1) ?? '')
    .replace('/etc/redis/redis.conf', join(folder.path, 'redis.conf'))
    .replace('/run/secrets/redis_password', join(folder.path, 'password'))
    .replace('requirepass', `port ${port}\nbind 127.0.0.1\nrequirepass`)
  return [...command.slice(0, -1), line]
}

beforeAll(async () => {
  port = await freePort()
  writeFileSync(join(folder.path, 'password'), `${password}\n`)
  writeFileSync(join(folder.path, 'redis.conf'), file.replace('dir /data', `dir ${folder.path}`))
  const [command = '', ...words] = commandOf()
  server = await startServer({
    command,
    arguments: words,
    logFile: join(folder.path, 'log'),
    readyDeadlineSeconds: 15,
    stopDeadlineSeconds: 10,
    probe: () => pingRedis(`redis://:${password}@127.0.0.1:${port}`, 1000),
  })
  admin = new Redis({ port, password, commandTimeout: 2000 })
  app = await startTestApp({ REDIS_URL: `redis://127.0.0.1:${port}`, REDIS_PASSWORD: password })
})
afterAll(async () => {
  await app?.close()
  admin?.disconnect()
  await server?.stop()
  folder.remove()
})

const setting = async (name: string): Promise<string | undefined> => ((await admin.config('GET', name)) as string[])[1]

describe('redis.conf', () => {
  it.each([
    ['maxmemory-policy', 'noeviction'],
    ['maxmemory', String(512 * 1024 ** 2)],
    ['appendonly', 'yes'],
    ['appendfsync', 'everysec'],
    ['protected-mode', 'yes'],
  ])('has %s %s', async (name, value) => {
    expect(await setting(name)).toBe(value)
  })

  it('lets nobody in without the password', async () => {
    await expect(pingRedis(`redis://127.0.0.1:${port}`, 1000)).rejects.toThrow()
  })

  it.each(['FLUSHALL', 'FLUSHDB', 'SHUTDOWN', 'DEBUG'])('has no %s', async (command) => {
    await expect(admin.call(command)).rejects.toThrow('unknown command')
  })

  it('leaves a third of its container’s memory for copies and for what is on its way', () => {
    const memory = composeFile('docker-compose.yml').services['redis']?.deploy?.resources?.limits.memory
    const maxmemory = /^maxmemory (?<megabytes>\d+)mb$/m.exec(file)
    expect(Number(maxmemory?.groups?.['megabytes']) * 1.5).toBeLessThanOrEqual(Number.parseInt(memory ?? '', 10))
  })
})

describe('the server with such a Redis', () => {
  it('is ready, and stores what is sent', async () => {
    const { ann, conversation } = await aDirectConversation(app)
    await ann.send(conversation.id, { text: 'hello' }).expect(201)
    expect(app.context.redisReady()).toBe(true)
    await expect.poll(() => admin.dbsize()).toBeGreaterThan(0)
  })

  it('evicts nothing when it is full: a message is acknowledged, its event waits with it', async () => {
    const { ann, conversation } = await aDirectConversation(app)
    await ann.send(conversation.id, { text: 'there is room' }).expect(201)
    await expect.poll(() => admin.exists('probe')).toBe(0)
    await admin.config('SET', 'maxmemory', '1')
    try {
      const before = new Set(await admin.keys('*'))
      await expect(admin.set('probe', 'x')).rejects.toThrow('OOM')
      const { body } = await ann.send(conversation.id, { text: 'there is none' }).expect(201)
      const message = await app.context.mongo.connection.collection('messages').findOne({ clientId: body.clientId })
      expect(message?.['outbox']).toHaveLength(1)
      const after = new Set(await admin.keys('*'))
      expect([...before].filter((key) => !after.has(key))).toEqual([])
    } finally {
      await admin.config('SET', 'maxmemory', String(512 * 1024 ** 2))
    }
  })
})

it('has no word of its own for the end: SIGTERM ends it, with what it holds on the disk', async () => {
  await app.close()
  await server.stop()
  expect(readFileSync(join(folder.path, 'log'), 'utf8')).toContain('Redis is now ready to exit')
})
