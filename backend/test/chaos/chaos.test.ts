import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { supportsThisMachine } from '../../../dev/documentdb/documentdb.js'
import { projectFolder } from '../../../dev/services/project.js'
import { temporaryFolder } from '../../../dev/services/temporary-folder.js'
import { detailsOf, summaryOf } from './report.js'
import { runSeed } from './run-seed.js'
import { Database } from './services/database.js'
import { World } from './world.js'

const deadlineMs = 300_000

/** A short run of `npm run chaos`, with a seed under which workers, Redis and the database each break. */
describe.skipIf(!supportsThisMachine().supported)('while workers, Redis and the database are killed', () => {
  it('every client ends with every acknowledged message once and in order, and with nothing else', { timeout: deadlineMs }, async () => {
    const folder = temporaryFolder()
    const logFolder = mkdtempSync(join(tmpdir(), 'heliograph-chaos-'))
    const database = await Database.start(folder.path)
    const kind = { redis: 'single', workers: 'plain', workerCount: 2, shards: 1, logEntries: 1000 } as const
    const world = await World.start(kind, database, { folder: folder.path, logFolder, distFolder: join(projectFolder, 'backend/dist') })
    onTestFinished(async () => {
      await world.stop()
      await database.stop()
      folder.remove()
    }, 60_000)
    const setting = { seed: 19, minutes: 0.4, people: 6, devicesOfEach: 2, steps: 3, outboxes: false, progress: () => undefined }
    const result = await runSeed(world, { ...setting, faultNames: ['worker killed', 'Redis restarted empty', 'database killed'] })
    console.log(summaryOf(result))
    expect(detailsOf(result), `the workers' logs are in ${logFolder}`).toBe('')
    expect(result.ledger.acknowledged).toBeGreaterThan(20)
    expect(new Set(result.faults.map(({ name }) => name)).size).toBe(3)
    rmSync(logFolder, { recursive: true })
  })
})
