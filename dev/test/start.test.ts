import { readdirSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { becomesTrue } from '../services/deadline.js'
import { findOnPath } from '../services/executables.js'
import { aFolder } from './support/folder.js'
import { processesWith } from './support/processes.js'
import { runStart, type Start } from './support/start.js'

const readySeconds = 30
const stopSeconds = 25

const isReady = (start: Start) => start.prints(`Heliograph is ready at http://localhost:${start.port}`, readySeconds)
const leavesNothing = (start: Start) => becomesTrue(stopSeconds, () => processesWith(start.mark).length === 0, 100)
const health = async (start: Start) => (await fetch(`http://127.0.0.1:${start.port}/health/ready`)).status

/** A PATH with what the build needs, and no server. */
const aPathWithoutServers = (): string => {
  const folder = aFolder()
  for (const program of ['node', 'npm', 'sh']) symlinkSync(findOnPath(program, process.env) ?? '', join(folder, program))
  return folder
}

describe('npm start', { timeout: 90_000 }, () => {
  it('makes the API ready, says with what, and leaves no process after Ctrl-C', async () => {
    const start = await runStart()
    await isReady(start)
    expect(start.output()).toMatch(/MongoDB +found \(MONGO_URI\) +mongodb:\/\/127/)
    expect(start.output()).toMatch(/Redis +started \S+redis-server +redis:\/\/127/)
    expect(start.output()).toContain(`http://localhost:${start.port}/docs`)
    await expect(health(start)).resolves.toBe(200)
    start.process.kill('SIGINT')
    await expect(start.ends(stopSeconds)).resolves.toBe(0)
    expect(processesWith(start.mark)).toEqual([])
  })

  it('leaves no process when it is killed', async () => {
    const start = await runStart()
    await isReady(start)
    expect(processesWith(start.mark).length).toBeGreaterThan(1)
    start.process.kill('SIGKILL')
    await expect(leavesNothing(start)).resolves.toBe(true)
  })

  it('runs several workers under PM2, and leaves none of them', async () => {
    const start = await runStart(['--workers', '2'])
    await isReady(start)
    await expect(health(start)).resolves.toBe(200)
    start.process.kill('SIGTERM')
    await expect(start.ends(60)).resolves.toBe(0)
    expect(processesWith(start.mark)).toEqual([])
  })

  it('goes on with one process and says so where no Redis is to be had', async () => {
    const start = await runStart([], { PATH: aPathWithoutServers() })
    await isReady(start)
    expect(start.output()).toMatch(/Redis +none: one process, events in memory/)
  })

  it('refuses several workers where no Redis is to be had, with what to type', async () => {
    const start = await runStart(['--workers', '2'], { PATH: aPathWithoutServers() })
    await expect(start.ends(readySeconds)).resolves.toBe(1)
    expect(start.output()).toContain('2 workers reach each other through Redis')
    expect(start.output()).toContain('sudo apt-get install -y redis-server')
  })

  it('says that its port is in use, and starts nothing', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await becomesTrue(5, () => server.listening)
    const address = server.address()
    const port = address !== null && typeof address === 'object' ? String(address.port) : ''
    const start = await runStart([], { PORT: port })
    await expect(start.ends(15)).resolves.toBe(1)
    expect(start.output().trim()).toBe(`Port ${port} is in use. Stop what listens there, or choose another: PORT=3001 npm start`)
    expect(readdirSync(start.dataFolder)).toEqual([])
  })

  it('does not share its data with another start', async () => {
    const first = await runStart()
    await isReady(first)
    const second = await runStart([], { HELIOGRAPH_DATA: first.dataFolder })
    await expect(second.ends(15)).resolves.toBe(1)
    expect(second.output().trim()).toBe(`${first.dataFolder} is in use by process ${first.process.pid}: stop that one first`)
    await expect(health(first)).resolves.toBe(200)
    first.process.kill('SIGINT')
    await expect(first.ends(stopSeconds)).resolves.toBe(0)
  })

  it('explains itself, and refuses an argument that it does not know', async () => {
    const help = await runStart(['--help'])
    await expect(help.ends(15)).resolves.toBe(0)
    expect(help.output()).toContain('npm start -- --workers 4')
    const unknown = await runStart(['--wokers', '2'])
    await expect(unknown.ends(15)).resolves.toBe(2)
    expect(unknown.output()).toContain("Unknown option '--wokers'")
  })
})
