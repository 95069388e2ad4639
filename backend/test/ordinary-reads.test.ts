import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, inject, it, vi } from 'vitest'
import { isOwnBusiness } from './support/own-business.js'
import { aDirectConversation, aGroup } from './support/people.js'
import { startRedis } from './support/redis-server.js'
import { TcpProxy, targetOf, through } from './support/tcp-proxy.js'
import { aDatabase, startTestApp, type TestApp } from './support/test-app.js'

const deadline = { timeout: 30_000, interval: 20 }
const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

const anApp = async (environment: Record<string, string> = {}): Promise<TestApp> => {
  const app = await startTestApp(environment)
  closing.push(() => app.close())
  await vi.waitUntil(() => app.context.hub.hearing !== undefined, deadline)
  return app
}

/** Names of the commands that the database is sent about these collections meanwhile. */
const commandsOf = async (app: TestApp, collections: readonly string[], act: () => Promise<unknown>): Promise<string[]> => {
  const commands: string[] = []
  const client = app.context.mongo.connection.getClient()
  const note = ({ commandName, command }: { commandName: string; command: Record<string, unknown> }) => {
    const collection = command[commandName]
    if (typeof collection === 'string' && collections.includes(collection) && !isOwnBusiness(commandName, command))
      commands.push(`${commandName} ${collection}`)
  }
  client.on('commandStarted', note)
  await act()
  client.off('commandStarted', note)
  return commands
}
const all = ['users', 'sessions', 'conversations', 'messages', 'receipts', 'audit', 'settings']

describe('an ordinary read', () => {
  it('asks the database for what it shows and for nothing more: no session, no limit, no membership', async () => {
    const app = await anApp()
    const { ann, bob, conversation } = await aDirectConversation(app)
    await bob.send(conversation.id, {}).expect(201)
    const { body } = await bob.get(`/conversations/${conversation.id}/messages`).expect(200)
    const read = () => ann.get(`/conversations/${conversation.id}/messages`).expect(200)
    await read()
    await sleep(1200) // longer than what is not heard is believed
    expect(await commandsOf(app, all, read)).toEqual(['find messages'])
    expect(await commandsOf(app, all, () => ann.get('/users/me').expect(200))).toEqual(['find users'])
    expect(await commandsOf(app, all, () => ann.get(`/messages/${body.items[0].id}`).expect(200))).toEqual(['find messages'])
  })

  it('asks nothing of Redis', async () => {
    const server = await startRedis()
    closing.push(() => server.stop())
    const app = await anApp({ REDIS_URL: `redis://127.0.0.1:${server.port}` })
    const { ann, conversation } = await aDirectConversation(app)
    const read = () => ann.get(`/conversations/${conversation.id}/messages`).expect(200)
    await read()
    const commands: string[] = []
    const monitor = await server.admin.monitor()
    closing.push(async () => monitor.disconnect())
    monitor.on('monitor', (_time: string, [command = '']: string[]) => void commands.push(command))
    for (let n = 0; n < 20; n++) await Promise.all(Array.from({ length: 20 }, read))
    // What a worker asks by itself, a few times a second, is far from one for each of 400 reads.
    expect(commands.length).toBeLessThan(400)
  })
})

describe('who has left', () => {
  /** Two workers, the other one's Redis behind a proxy. */
  const twoWorkers = async () => {
    const proxy = await TcpProxy.open(targetOf(inject('redisUrl')))
    closing.push(() => proxy.close())
    const database = aDatabase()
    const one = await anApp({ MONGO_URI: database })
    const other = await anApp({ MONGO_URI: database, JWT_SECRET: one.secret, REDIS_URL: through(inject('redisUrl'), proxy) })
    const { owner, members, conversation } = await aGroup(one, 2)
    const [, member] = members
    if (!member) throw new Error('no member')
    const readAtOther = async (): Promise<number> => {
      const path = `/api/v1/conversations/${conversation.id}/messages`
      return (await other.request.get(path).auth(member.accessToken, { type: 'bearer' })).status
    }
    const remove = () => owner.delete(`/conversations/${conversation.id}/members/${member.id}`).expect(204)
    return { proxy, other, remove, readAtOther }
  }

  it('is refused by every worker within a second', async () => {
    const { remove, readAtOther } = await twoWorkers()
    expect(await readAtOther()).toBe(200)
    await sleep(1200)
    await remove()
    const before = performance.now()
    await expect.poll(readAtOther, deadline).toBe(404)
    console.info(`refused ${Math.round(performance.now() - before)} ms after the removal was answered`)
  })

  it('is refused by a worker whose Redis is away, and still when it is back', async () => {
    const { proxy, other, remove, readAtOther } = await twoWorkers()
    expect(await readAtOther()).toBe(200)
    await sleep(1200)
    proxy.cut()
    await remove()
    const before = performance.now()
    await expect.poll(readAtOther, deadline).toBe(404)
    console.info(`refused ${Math.round(performance.now() - before)} ms after the removal was answered`)
    proxy.restore()
    await vi.waitUntil(() => other.context.hub.hearing !== undefined, deadline)
    expect(await readAtOther()).toBe(404)
  })

  it('is refused by a worker whose connection to Redis hangs, before it is given up', async () => {
    const { proxy, other, remove, readAtOther } = await twoWorkers()
    expect(await readAtOther()).toBe(200)
    await sleep(1200)
    const { hearing } = other.context.hub
    proxy.hang()
    await remove()
    const before = performance.now()
    await vi.waitUntil(() => other.context.hub.hearing === undefined, deadline)
    expect(other.context.redisReady()).toBe(true)
    await expect.poll(readAtOther, deadline).toBe(404)
    console.info(`refused ${Math.round(performance.now() - before)} ms after the removal was answered`)
    proxy.flow()
    await expect.poll(() => other.context.hub.hearing, deadline).toBe(hearing)
    expect(await readAtOther()).toBe(404)
  })
})

describe('whose session was ended', () => {
  it('is refused by a worker whose connection to Redis hangs', async () => {
    const proxy = await TcpProxy.open(targetOf(inject('redisUrl')))
    closing.push(() => proxy.close())
    const database = aDatabase()
    const one = await anApp({ MONGO_URI: database })
    const other = await anApp({ MONGO_URI: database, JWT_SECRET: one.secret, REDIS_URL: through(inject('redisUrl'), proxy) })
    const { ann } = await aDirectConversation(one)
    const ask = async () => (await other.request.get('/api/v1/users/me').auth(ann.accessToken, { type: 'bearer' })).status
    expect(await ask()).toBe(200)
    proxy.hang()
    await ann.post('/auth/logout', {}).expect(204)
    const before = performance.now()
    await expect.poll(ask, deadline).toBe(401)
    console.info(`refused ${Math.round(performance.now() - before)} ms after the logout was answered`)
    proxy.flow()
  })
})
