import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { afterAll, describe, expect, inject, it } from 'vitest'
import { z } from 'zod'
import { findOnPath } from '../../dev/services/executables.js'
import { freePort } from '../../dev/services/free-port.js'
import { projectFolder } from '../../dev/services/project.js'
import { temporaryFolder } from '../../dev/services/temporary-folder.js'
import { readConfig } from '../src/config.js'
import { ended } from './support/ended.js'
import { anApp } from './support/listening.js'

const unit = readFileSync(join(projectFolder, 'deploy/systemd/heliograph@.service'), 'utf8')
const installed = '/opt/heliograph'
const here = resolve(projectFolder)
const setting = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1] ?? ''
const runSource = readFileSync(join(projectFolder, 'backend/src/run.ts'), 'utf8')
/** How long the server may take to end, in seconds. */
const endingSeconds = ['drainDeadlineMs', 'closeDeadlineMs']
  .map((name) => Number(new RegExp(`const ${name} = (\\d+)_000`).exec(runSource)?.[1]))
  .reduce((sum, seconds) => sum + seconds)
const Ecosystem = z.object({ apps: z.tuple([z.object({ kill_timeout: z.number(), script: z.string() })]) })
const [pm2] = Ecosystem.parse(createRequire(import.meta.url)(join(projectFolder, 'ecosystem.config.js'))).apps

const folder = temporaryFolder()
afterAll(() => folder.remove())

describe('deploy/systemd/heliograph@.service', () => {
  it('lets a worker end by itself, as PM2 does', () => {
    expect(endingSeconds).toBeGreaterThan(0)
    expect(Number(setting('TimeoutStopSec'))).toBeGreaterThan(endingSeconds)
    expect(pm2.kill_timeout / 1000).toBeGreaterThan(endingSeconds)
    expect(setting('KillMode')).toBe('mixed')
  })

  it('starts what PM2 starts, and keeps uploads in the folder that it may write to', () => {
    const program = setting('ExecStart').split(' ').at(-1)?.replace(installed, here) ?? ''
    expect(program).toBe(pm2.script)
    expect(existsSync(program)).toBe(true)
    expect(setting('WorkingDirectory')).toBe(installed)
    expect(setting('ProtectSystem')).toBe('strict')
  })

  it('is told by one file all that backups and administrators’ commands have to know, too', async () => {
    expect(unit).not.toMatch(/^Environment=/m)
    const file = join(folder.path, 'heliograph.env')
    const theirs = [
      'MONGO_URI=mongodb://127.0.0.1/x',
      'REDIS_URL=redis://127.0.0.1',
      'NODE_ENV=development',
      `JWT_SECRET=${randomBytes(48).toString('base64')}`,
    ]
    writeFileSync(file, theirs.join('\n')) // no line break at its end
    const typed = /^#\s+(?<command>.* \| )sudo (?<tee>tee -a )(?<path>\S+)/m.exec(unit)?.groups
    expect(typed?.['path']).toBe(setting('EnvironmentFile'))
    expect(await ended('sh', ['-c', `${typed?.['command']} ${typed?.['tee']} "$0"`, file])).toMatchObject({ code: 0 })
    const config = readConfig(parseEnv(readFileSync(file, 'utf8')), { clustered: false })
    expect(config).toMatchObject({
      environment: 'production',
      storage: { local: { folder: `/var/lib/${setting('StateDirectory')}/uploads` } },
    })
  })

  it('listens on its instance’s port whatever the environment says, and ends with 0 when it is told to', async () => {
    const app = await anApp() // makes the indexes, and drops the database in the end
    const port = await freePort()
    const [command = '', ...words] = setting('ExecStart').replaceAll('%i', String(port)).replaceAll(installed, here).split(' ')
    const environment = {
      PATH: process.env['PATH'],
      NODE_ENV: 'test',
      LOG_LEVEL: 'error',
      PORT: '1',
      MONGO_URI: app.context.config.mongo.uri,
      REDIS_URL: inject('redisUrl'),
      JWT_SECRET: randomBytes(48).toString('base64'),
    }
    const worker = spawn(command, words, { cwd: folder.path, env: environment, stdio: 'inherit' })
    const exited = once(worker, 'exit')
    try {
      const check = () => ended(join(projectFolder, 'deploy/health_check.sh'), [`http://127.0.0.1:${port}`])
      await expect.poll(async () => (await check()).code, { timeout: 45_000 }).toBe(0)
      worker.kill('SIGTERM')
      expect(await exited).toEqual([0, null])
    } finally {
      worker.kill('SIGKILL')
    }
  })
})

describe.runIf(findOnPath('systemd-analyze', process.env))('systemd', () => {
  const installedHere = join(folder.path, 'heliograph@.service')
  writeFileSync(installedHere, unit.replaceAll(installed, here))

  it('knows every setting of it', async () => {
    const { code, stdout, stderr } = await ended('systemd-analyze', ['verify', join(folder.path, 'heliograph@3000.service')])
    expect({ code, said: `${stdout}${stderr}`.split('\n').filter((line) => line.includes('heliograph')) }).toEqual({ code: 0, said: [] })
  })

  it('calls it well shut off', async () => {
    const words = ['security', '--offline=true', '--threshold=20', '--no-pager', installedHere]
    const { code, stdout, stderr } = await ended('systemd-analyze', words)
    expect(code, `${stdout}${stderr}`).toBe(0)
    expect(stdout).toMatch(/exposure level for .*: [01]\.\d/)
  })
})
