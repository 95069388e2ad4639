import { randomUUID } from 'node:crypto'
import mongoose from 'mongoose'
import { expect, inject, it } from 'vitest'
import { createLogger } from '../src/platform/logger.js'
import { logSlowCommands, shapeOf } from '../src/platform/slow-commands.js'

it('a slow command is logged by its name, collection and shape, without a value', async () => {
  const lines: string[] = []
  const connection = await mongoose
    .createConnection(inject('mongoUrl'), { dbName: `slow-${randomUUID()}`, monitorCommands: true })
    .asPromise()
  logSlowCommands(connection.getClient(), createLogger('warn', { write: (line) => void lines.push(line) }), -1)
  const secret = randomUUID()
  await connection.collection('people').findOne({ phone: secret, age: { $gt: 20 }, $or: [{ name: secret }, { tags: { $in: [secret] } }] })
  await connection.collection('people').updateOne({ phone: secret }, { $set: { name: secret } })
  await connection.dropDatabase()
  await connection.close()
  expect(lines.join('')).not.toContain(secret)
  expect(lines.map((line) => JSON.parse(line))).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ command: 'find', collection: 'people', shape: '{phone,age:{$gt},$or:[{name}]}', outcome: 'succeeded' }),
      expect.objectContaining({ command: 'update', collection: 'people', shape: '[{q:{phone},u:{$set:{name}}}]' }),
    ]),
  )
})

it('a shape has a bound', () => {
  const deep: Record<string, unknown> = {}
  deep['self'] = deep
  expect(shapeOf(deep).length).toBeLessThan(100)
})
