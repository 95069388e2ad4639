import { randomUUID } from 'node:crypto'
import { mongo } from 'mongoose'
import { expect, inject, it, onTestFinished } from 'vitest'
import { isUnavailable } from '../src/platform/mongo.js'
import { aPerson } from './support/people.js'
import { TcpProxy, targetOf, through } from './support/tcp-proxy.js'
import { startTestApp } from './support/test-app.js'

it.each([
  ['a client that was closed under an operation', new mongo.MongoClientClosedError()],
  ['a socket that was closed since', Object.assign(new Error('This socket has been ended by the other party'), { code: 'EPIPE' })],
])('%s is a database that is away, no fault of ours', (_name, error) => {
  expect(isUnavailable(error)).toBe(true)
})

it('a bulk write whose connection was lost is a database that is away; one in which something was refused is not', async () => {
  const proxy = await TcpProxy.open(targetOf(inject('mongoUrl')))
  const client = new mongo.MongoClient(through(inject('mongoUrl'), proxy), { retryWrites: false })
  const collection = client.db(`unavailable-${randomUUID()}`).collection<{ _id: number }>('c')
  onTestFinished(async () => {
    await client.db(collection.dbName).dropDatabase()
    await client.close()
    await proxy.close()
  })
  const writing = (_id: number) => collection.bulkWrite([{ insertOne: { document: { _id } } }]).catch((error: unknown) => error)
  await writing(1)
  const refused = await writing(1)
  expect([(refused as Error).name, isUnavailable(refused)]).toEqual(['MongoBulkWriteError', false])
  const lost = Promise.all(Array.from({ length: 20 }, (_, n) => writing(n + 2)))
  proxy.cut()
  const wrapped = (await lost).filter((error) => error instanceof mongo.MongoBulkWriteError)
  expect(wrapped.length).toBeGreaterThan(0)
  expect(wrapped.filter((error) => !isUnavailable(error))).toEqual([])
  proxy.restore()
})

it('a ticket is answered 503 with Retry-After while Redis is away', async () => {
  const proxy = await TcpProxy.open(targetOf(inject('redisUrl')))
  const app = await startTestApp({ REDIS_URL: through(inject('redisUrl'), proxy) })
  onTestFinished(async () => {
    await app.close()
    await proxy.close()
  })
  const ann = await aPerson(app)
  await ann.post('/sse/ticket', {}).expect(201)
  proxy.cut()
  const refused = await ann.post('/sse/ticket', {}).expect(503)
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
})
