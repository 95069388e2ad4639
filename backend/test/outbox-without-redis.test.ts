import { expect, inject, it } from 'vitest'
import { afterwards, aNeighbour, anApp, aStream, at, deadline, sendAll, textsOf, upTo } from './support/listening.js'
import { aDirectConversation } from './support/people.js'
import { countCommands } from './support/streams.js'
import { TcpProxy, targetOf, through } from './support/tcp-proxy.js'

it('a worker that starts while Redis is away reads and publishes nothing again until it is there, and tells all of it then', async () => {
  const app = await anApp()
  const proxy = await TcpProxy.open(targetOf(inject('redisUrl')), false)
  afterwards(() => proxy.close())
  const cutOff = await aNeighbour(app, { REDIS_URL: through(inject('redisUrl'), proxy), LOG_LEVEL: 'warn' }, { waitForRedis: false })
  const { ann, bob, conversation } = await aDirectConversation(app)
  const stream = await aStream(bob, app)
  const lines = (text: string) => cutOff.logs.filter((line) => line.includes(text)).length
  const refused = () => lines('an event was not published yet')
  const waited = () => lines('the outbox waits')

  await sendAll(at(cutOff, ann), conversation.id, upTo(20, 'here'))
  await expect.poll(refused, deadline).toBe(20)
  const before = waited()
  const someTicks = () => expect.poll(waited, deadline).toBeGreaterThan(before + 2)
  const byId = ({ filter }: Record<string, unknown>) => JSON.stringify(filter).startsWith('{"_id":')
  expect(await countCommands(cutOff, 'find', 'messages', someTicks, byId)).toBe(0)
  expect(refused()).toBe(20)

  proxy.restore()
  await expect.poll(() => textsOf(stream), deadline).toEqual(upTo(20, 'here'))
})
