import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { MongoClient } from 'mongodb'
import { describe, expect, it, onTestFinished } from 'vitest'
import { until } from '../conformance/support/until.js'
import { isCached, supportsThisMachine } from '../documentdb.js'
import { aDataFolder } from './support/data-folder.js'
import { anEngine } from './support/engine.js'
import { engineProcesses, isRunning } from './support/processes.js'

describe('an engine', () => {
  it('starts in a new folder and answers', async () => {
    const { url, client } = await anEngine(aDataFolder())
    expect(url).toMatch(/^mongodb:\/\/127\.0\.0\.1:\d+\/\?replicaSet=rs0$/)
    expect(await client.db('admin').command({ ping: 1 })).toMatchObject({ ok: 1 })
    expect(supportsThisMachine()).toEqual({ supported: true })
    expect(isCached()).toBe(true)
  })

  it('finds its data again when it is started on the same folder', async () => {
    const folder = aDataFolder()
    const first = await anEngine(folder)
    await first.client.db('kept').collection('c').insertOne({ n: 1 })
    await first.stop()
    const second = await anEngine(folder)
    expect(await second.client.db('kept').collection('c').findOne()).toMatchObject({ n: 1 })
  })

  it('leaves no process when it has stopped', async () => {
    const folder = aDataFolder()
    const { stop } = await anEngine(folder)
    const processes = engineProcesses(folder)
    expect(processes.length).toBeGreaterThan(3)
    await stop()
    expect(processes.filter(isRunning)).toEqual([])
  })

  it('runs beside another one', async () => {
    const engines = await Promise.all([anEngine(aDataFolder()), anEngine(aDataFolder())])
    await engines[0].client.db('d').collection('c').insertOne({ n: 1 })
    expect(await engines[1].client.db('d').collection('c').countDocuments()).toBe(0)
  })
})

describe('when the process that started it is killed', () => {
  const killedHolder = async (folder: string) => {
    const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
    const script = fileURLToPath(new URL('support/hold-engine.ts', import.meta.url))
    const holder = spawn(process.execPath, ['--import', loader, script, folder], { stdio: ['pipe', 'pipe', 'inherit'] })
    onTestFinished(() => void holder.kill('SIGKILL'))
    const [url] = await once(createInterface({ input: holder.stdout }), 'line')
    const client = await MongoClient.connect(String(url))
    await client.db('d').collection('c').insertOne({ n: 1 })
    await client.close()
    const processes = engineProcesses(folder)
    holder.kill('SIGKILL')
    return processes
  }

  it('ends, with Postgres and all of its processes', async () => {
    const folder = aDataFolder()
    const processes = await killedHolder(folder)
    expect(processes.length).toBeGreaterThan(3)
    await until('every process has ended', () => !processes.some(isRunning))
  })

  it('can be started again at once, on the same folder', async () => {
    const folder = aDataFolder()
    await killedHolder(folder)
    const { client } = await anEngine(folder)
    expect(await client.db('d').collection('c').countDocuments()).toBe(1)
  })
})
