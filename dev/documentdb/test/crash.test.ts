import { randomUUID } from 'node:crypto'
import { Long, UUID } from 'bson'
import { MongoError } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { numbers } from '../conformance/support/database.js'
import { until } from '../conformance/support/until.js'
import { aDataFolder } from './support/data-folder.js'
import { anEngine } from './support/engine.js'
import { childrenOf, engineProcesses, isRunning, postmasterOf } from './support/processes.js'
import { rawCommand } from './support/raw-command.js'

/** Kills Postgres and its processes, as a crash of it would. */
const killPostgres = (dataFolder: string): void => {
  const postmaster = postmasterOf(dataFolder)
  for (const pid of [postmaster, ...childrenOf(postmaster)]) process.kill(pid, 'SIGKILL')
}

describe('a durable engine whose Postgres is killed under writes', () => {
  it('starts it again and has every acknowledged write', async () => {
    const folder = aDataFolder()
    const { client } = await anEngine(folder, { durable: true })
    const c = client.db('d').collection<{ _id: number; text: string }>('c')
    await c.createIndex({ text: 1 })
    const acknowledged: number[] = []
    let next = 0
    const enough = new AbortController()
    const write = async () => {
      while (!enough.signal.aborted) {
        const _id = next++
        try {
          await c.insertOne({ _id, text: 'x'.repeat(200) })
          acknowledged.push(_id)
        } catch (error) {
          if (!(error instanceof MongoError)) throw error // an unacknowledged write may be stored or not
        }
      }
    }
    const writers = Promise.all(numbers(8).map(write))
    try {
      await until('writes are acknowledged', () => acknowledged.length > 300)
      killPostgres(folder)
      const before = acknowledged.length
      await until('writes are acknowledged again', () => acknowledged.length > before + 100, 15_000)
    } finally {
      enough.abort()
      await writers
    }
    const stored = new Set((await c.find({}, { projection: { _id: 1 } }).toArray()).map(({ _id }) => _id))
    expect(acknowledged.filter((_id) => !stored.has(_id))).toEqual([])
  })
})

/** The death of one process may have ended the next already. */
const killIfThere = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

describe('an engine that is killed as a whole', () => {
  it('has its data when it is started again', async () => {
    const folder = aDataFolder()
    const first = await anEngine(folder, { durable: true })
    await first.client.db('d').collection('c').insertOne({ n: 1 })
    const processes = engineProcesses(folder)
    for (const pid of processes) killIfThere(pid)
    await until('every process has ended', () => !processes.some(isRunning))
    const second = await anEngine(folder, { durable: true })
    expect(await second.client.db('d').collection('c').countDocuments()).toBe(1)
  })
})

describe('a retryable write that comes again after the engine was started anew', () => {
  it('is applied once and answered the same', async () => {
    const folder = aDataFolder()
    const lsid = { id: new UUID(randomUUID()) }
    const increment = { findAndModify: 'c', query: { _id: 1 }, update: { $inc: { n: 1 } }, upsert: true, new: true }
    const command = { ...increment, $db: 'd', lsid, txnNumber: Long.fromNumber(1) }
    const first = await anEngine(folder)
    const before = await rawCommand(first.url, command)
    await first.stop()
    const second = await anEngine(folder)
    const after = await rawCommand(second.url, command)
    expect([before.value, after.value]).toEqual([
      { _id: 1, n: 1 },
      { _id: 1, n: 1 },
    ])
    expect(await second.client.db('d').collection('c').find().toArray()).toMatchObject([{ n: 1 }])
  })
})
