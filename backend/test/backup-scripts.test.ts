import { execFile } from 'node:child_process'
import { access, constants, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aFolder, aPlace, atRest, contentOf, databaseOf, serverOf } from './support/backups.js'
import { aDirectConversation } from './support/people.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const run = promisify(execFile)
const folderOf = fileURLToPath(new URL('../../deploy/backup/', import.meta.url))
let app: TestApp
beforeAll(async () => {
  app = await startTestApp({}, { forgetAfterMs: 0 })
  await aDirectConversation(app)
  await atRest(app)
})
afterAll(() => app.close())

const readShipped = (name: string) => readFile(join(folderOf, name), 'utf8')

describe('deploy/backup', { timeout: 90_000 }, () => {
  it('backs up with one file of variables, tells Prometheus, restores, and lets the file name the new database', async () => {
    const folder = await aFolder()
    const [variables, metrics] = [join(folder, 'heliograph.env'), join(folder, 'backup.prom')]
    const lines = [
      `MONGO_URI=${app.context.config.mongo.uri}`,
      `JWT_SECRET=${app.secret}`,
      `UPLOAD_DIR=${app.uploads}`,
      `BACKUP_DIR=${join(folder, 'kept')}`,
    ]
    await writeFile(variables, lines.join('\n'), { mode: 0o640 })
    const environment = { PATH: process.env['PATH'] ?? '', HELIOGRAPH_ENV_FILE: variables }
    const begun = Math.floor(Date.now() / 1000)
    const { stdout } = await run(join(folderOf, 'backup.sh'), [], { env: { ...environment, BACKUP_METRICS_FILE: metrics }, cwd: folder })
    const [, seconds] = /^heliograph_backup_last_success_timestamp_seconds (\d+)$/m.exec(await readFile(metrics, 'utf8')) ?? []
    expect(Number(seconds)).toBeGreaterThanOrEqual(begun)
    const [name = ''] = await readdir(join(folder, 'kept'))
    expect(stdout.trim()).toBe(join(folder, 'kept', name))
    expect((await stat(stdout.trim())).mode & 0o077).toBe(0)

    const rehearsed = await run(join(folderOf, 'restore.sh'), [join('kept', name), '--rehearse'], { env: environment, cwd: folder })
    expect(rehearsed.stdout).toBe('it can be restored\n')
    const into = aPlace(app)
    await run(join(folderOf, 'restore.sh'), [join('kept', name), '--into', into, '--yes'], { env: environment, cwd: folder })
    expect(await readFile(variables, 'utf8')).toBe([lines[0]?.replace(databaseOf(app).databaseName, into), ...lines.slice(1)].join('\n'))
    expect((await stat(variables)).mode & 0o777).toBe(0o640)
    expect(await contentOf(serverOf(app).db(into))).toEqual(await contentOf(databaseOf(app)))
  })

  it('is a good one where Prometheus’ folder is not there', async () => {
    const kept = await aFolder()
    const environment = { PATH: process.env['PATH'] ?? '', JWT_SECRET: app.secret, MONGO_URI: app.context.config.mongo.uri }
    const metrics = join(kept, 'none', 'backup.prom')
    await run(join(folderOf, 'backup.sh'), ['--to', kept], { env: { ...environment, BACKUP_METRICS_FILE: metrics } })
    expect(await readdir(kept)).toHaveLength(1)
  })

  it('leaves no word to Prometheus where no backup was made', async () => {
    const folder = await aFolder()
    const metrics = join(folder, 'backup.prom')
    const environment = {
      PATH: process.env['PATH'] ?? '',
      BACKUP_METRICS_FILE: metrics,
      JWT_SECRET: app.secret,
      MONGO_URI: 'mongodb://127.0.0.1:1',
    }
    const failed = await run(join(folderOf, 'backup.sh'), ['--to', folder], { env: environment }).catch((error: unknown) => error)
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining('MongoDB cannot be reached') })
    await expect(access(metrics)).rejects.toThrow('ENOENT')
  })

  it('has a timer and a cron file that start what is there', async () => {
    await access(join(folderOf, 'backup.sh'), constants.X_OK)
    await access(join(folderOf, 'restore.sh'), constants.X_OK)
    const shipped = '/opt/heliograph/deploy/backup/backup.sh'
    const service = await readShipped('heliograph-backup.service')
    expect(service).toContain(`ExecStart=${shipped}\n`)
    const [, written] = /^ReadWritePaths=-(\S+)/m.exec(service) ?? []
    expect(service).toMatch(new RegExp(`^# +sudo install -d -o heliograph .*-m 700 ${written}$`, 'm'))
    const [, file] = /^Environment=HELIOGRAPH_ENV_FILE=(.*)$/m.exec(service) ?? []
    expect(service).toContain(` BACKUP_DIR=${written} | sudo tee -a ${file}\n`)
    expect(await readShipped('heliograph-backup.timer')).toMatch(/^OnCalendar=\*-\*-\* \d\d:\d\d:00 UTC$/m)
    expect(await readShipped('heliograph-backup.cron')).toMatch(new RegExp(`^\\d+ \\d+ \\* \\* \\* heliograph ${shipped}`, 'm'))
  })
})
