import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { freePort } from '../../dev/services/free-port.js'
import { projectFolder } from '../../dev/services/project.js'
import { startServer } from '../../dev/services/start-server.js'
import type { Supervised } from '../../dev/services/supervise.js'
import { temporaryFolder } from '../../dev/services/temporary-folder.js'
import { testProgram } from '../../dev/services/test-programs.js'
import { type RehearsedImage, rehearseImage } from './support/image-rehearsal.js'
import { aDatabase } from './support/test-app.js'

const read = (name: string): string => readFileSync(join(projectFolder, name), 'utf8')
const buildDeadlineMs = 600_000
const removeDeadlineMs = 180_000 // tens of thousands of files
const folder = temporaryFolder()
let image: RehearsedImage
let app: string

beforeAll(async () => {
  const texts = { dockerfile: read('Dockerfile'), ignoreFile: read('.dockerignore') }
  image = await rehearseImage(texts, folder.path, { VERSION: '7.8.9', REVISION: 'abc1234' })
  app = join(image.root, image.workingDirectory)
}, buildDeadlineMs)
afterAll(() => folder.remove(), removeDeadlineMs)

/** The image's own environment, whose paths lead into its folder, and what is given; nothing of this machine's but PATH. */
const environmentOf = (given: Record<string, string>): Record<string, string> => {
  const inFolder = Object.entries(image.environment).map(([name, value]) => [name, value.startsWith('/') ? join(image.root, value) : value])
  return { PATH: process.env['PATH'] ?? '', ...Object.fromEntries(inFolder), ...given }
}

/** A command line that runs in the image's folder as its user, where this process may become it. */
const inImage = (words: readonly string[]): [command: string, words: string[]] => {
  const [userId = '', groupId = ''] = image.user.split(':')
  const become = process.getuid?.() === 0 ? ['setpriv', '--reuid', userId, '--regid', groupId, '--clear-groups'] : []
  return ['sh', ['-c', 'cd "$0" && exec "$@"', app, ...become, ...words]]
}

const runInImage = (words: readonly string[], given: Record<string, string> = {}) => {
  const [command, commandWords] = inImage(words)
  return promisify(execFile)(command, commandWords, { env: environmentOf(given), timeout: 60_000 })
}

const foldersBelow = (path: string): string[] => readdirSync(join(image.root, path)).toSorted()

describe('an image', () => {
  it('holds what the server needs, and neither sources, tests, tools nor secrets', () => {
    expect(foldersBelow('app')).toEqual(['.npmrc', 'backend', 'deploy', 'dev', 'node_modules', 'package-lock.json', 'package.json'])
    const backend = ['dist', 'package.json', 'pages']
    expect(foldersBelow('app/backend').filter((name) => name !== 'node_modules')).toEqual(backend)
    expect(foldersBelow('app/deploy')).toEqual(['docker', 's3'])
    const packages = foldersBelow('app/node_modules')
    for (const needed of ['express', 'mongoose', 'ioredis', 'sharp', 'zod']) expect(packages).toContain(needed)
    for (const tool of ['vitest', 'typescript', 'tsx', 'knip', 'playwright-core', 'pm2']) expect(packages).not.toContain(tool)
  })

  it('says which version it is', () => {
    expect(image.labels).toMatchObject({ 'org.opencontainers.image.version': '7.8.9', 'org.opencontainers.image.revision': 'abc1234' })
    expect(image.environment).toMatchObject({ NODE_ENV: 'production', HOST: '0.0.0.0', APP_VERSION: '7.8.9' })
  })

  it('has programs of other makers that run: what hashes passwords and what makes pictures anew', async () => {
    const script = `
      const { hash } = await import('@node-rs/argon2')
      const { default: sharp } = await import('sharp')
      const picture = await sharp({ create: { width: 2, height: 2, channels: 3, background: 'red' } }).png().toBuffer()
      process.stdout.write(JSON.stringify([(await hash('password')).slice(0, 9), picture.subarray(1, 4).toString()]))`
    const { stdout } = await runInImage(['node', '--input-type=module', '--eval', script])
    expect(JSON.parse(stdout)).toEqual(['$argon2id', 'PNG'])
  })

  it('cannot change what it runs, and can write where uploads and backups go', async () => {
    const isRoot = process.getuid?.() === 0
    if (isRoot) await expect(runInImage(['touch', 'backend/dist/index.js'])).rejects.toThrow('Permission denied')
    for (const probe of ['data/uploads/probe', 'backups/probe'].map((path) => join(image.root, path))) {
      await runInImage(['touch', probe])
      expect(statSync(probe).uid).toBe(isRoot ? 1000 : process.getuid?.())
    }
  })
})

describe('a container', () => {
  let origin: string
  let server: Supervised
  let given: Record<string, string>
  beforeAll(async () => {
    expect(image.packages).toEqual(['age', 'tini'])
    expect(image.command[0]).toBe('/usr/bin/tini')
    const command = [testProgram('tini'), ...image.command.slice(1)]
    const secretFile = join(folder.path, 'jwt_secret')
    writeFileSync(secretFile, randomBytes(48).toString('base64'), { mode: 0o644 })
    const port = await freePort()
    origin = `http://127.0.0.1:${port}`
    const services = { MONGO_URI: aDatabase(), REDIS_URL: inject('redisUrl'), JWT_SECRET_FILE: secretFile }
    given = { HOST: '127.0.0.1', PORT: String(port), ...services }
    await runInImage(['node', 'backend/dist/migrate.js'], given)
    const [program, words] = inImage(command)
    server = await startServer({
      command: program,
      arguments: words,
      environment: environmentOf(given),
      logFile: join(folder.path, 'container.log'),
      readyDeadlineSeconds: 60,
      stopDeadlineSeconds: 30,
      probe: () => runInImage(image.healthCheck, given),
    })
  }, 180_000)
  afterAll(() => server?.stop())

  it('is healthy, with its database, Redis and folder for uploads', async () => {
    const answer = await fetch(`${origin}/health`)
    const body: unknown = await answer.json()
    expect(body).toMatchObject({ status: 'healthy', version: '7.8.9' })
    expect(body).toMatchObject({
      checks: { database: { status: 'healthy' }, redis: { status: 'healthy' }, storage: { status: 'healthy' } },
    })
  })

  it('serves the pages that it was given', async () => {
    const answer = await fetch(`${origin}/qr`)
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('<!doctype html>')])
  })

  it('has the commands of its administrators, and what buckets are set up with', async () => {
    const { stdout } = await runInImage(['node', 'backend/dist/admin.js', '--help'], given)
    expect(stdout).toContain('create-admin')
    const module = join(app, 'backend/dist/platform/storage/bucket-files.js')
    const script = `const { bucketFile } = await import(${JSON.stringify(module)}); process.stdout.write(JSON.stringify(bucketFile('versioning')))`
    const versioning = await runInImage(['node', '--input-type=module', '--eval', script])
    expect(JSON.parse(versioning.stdout)).toEqual(JSON.parse(read('deploy/s3/versioning.json')))
  })

  it('ends by itself when it is told to, and its health check says so', async () => {
    const before = Date.now()
    const stopped = server.stop()
    expect(await server.exited).toBe(0)
    await stopped
    console.log(`a container without streams ended in ${Date.now() - before} ms`)
    await expect(runInImage(image.healthCheck, given)).rejects.toMatchObject({ code: 1 })
    expect(readFileSync(join(folder.path, 'container.log'), 'utf8')).toContain('"stopped"')
  })
})
