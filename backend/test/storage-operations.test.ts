import { spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { Types } from 'mongoose'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../dev/services/free-port.js'
import type { UploadDocument } from '../src/features/uploads/index.js'
import { S3Storage } from '../src/platform/storage/s3-storage.js'
import { checkStorage } from '../src/storage-start.js'
import { auditOf } from './support/administrators.js'
import { aFolder, storageIn } from './support/local-storage.js'
import { aPerson } from './support/people.js'
import { aBucket, type Bucket, bucketNamed, s3Access } from './support/s3.js'
import { TcpProxy, targetOf } from './support/tcp-proxy.js'
import { aDatabase, startTestApp, type TestApp } from './support/test-app.js'
import { anUpload } from './support/uploads.js'

const started = (program: 'admin' | 'index', words: readonly string[], environment: Readonly<Record<string, string>>) => {
  const entry = fileURLToPath(new URL(`../dist/${program}.js`, import.meta.url))
  const env = { PATH: process.env['PATH'] ?? '', JWT_SECRET: randomBytes(32).toString('hex'), ...environment }
  return spawn(process.execPath, [entry, ...words], { env, timeout: 60_000, stdio: ['ignore', 'pipe', 'pipe'] })
}

const runToItsEnd = async (...how: Parameters<typeof started>) => {
  const child = started(...how)
  const [output, errors, [exitCode]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { exitCode, output, errors }
}

describe('npm run admin -- storage setup', { timeout: 90_000 }, () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startTestApp()
  })
  afterAll(() => app.close())
  const admin = (words: readonly string[], environment: Readonly<Record<string, string>> = {}) =>
    runToItsEnd('admin', words, { MONGO_URI: app.context.config.mongo.uri, ...environment })

  it('makes a bucket ready, says how, and leaves a line in the audit log', async () => {
    const bucket = bucketNamed(`test-${randomUUID()}`)
    const environment = { ...bucket.environment, CORS_ORIGIN: 'https://chat.example.com' }
    const ended = await admin(['storage', 'setup'], environment)
    expect(ended).toMatchObject({ exitCode: 0 })
    expect(ended.output).toMatch(/ was made\nnothing in it can be made public\n/)
    expect(ended.output).toContain('https://chat.example.com')
    const storage = new S3Storage(bucket.settings)
    expect(await storage.faults()).toEqual([])
    await storage.close()
    const target = { kind: 'bucket', id: bucket.settings.bucket }
    expect(await auditOf(app, 'storage.set_up')).toMatchObject([{ actor: { kind: 'operator' }, outcome: 'done', target }])
    await bucket.remove()
  })

  it('says that there is no bucket, that S3 refuses, or what has to be typed, and shows no key', async () => {
    expect(await admin(['storage', 'setup'])).toMatchObject({ exitCode: 1, errors: expect.stringContaining('AWS_S3_BUCKET is not set') })
    for (const words of [['storage'], ['storage', 'burn'], ['storage', 'setup', 'now']]) {
      expect(await admin(words)).toMatchObject({ exitCode: 2, errors: expect.stringContaining('npm run admin -- storage') })
    }
    const stranger: Record<string, string> = { ...bucketNamed(`test-${randomUUID()}`).environment, AWS_ACCESS_KEY_ID: 'AKIDNOBODY' }
    const refused = await admin(['storage', 'setup'], stranger)
    expect(refused).toMatchObject({ exitCode: 1, errors: expect.stringMatching(/S3 answered 403/) })
    expect(refused.output + refused.errors).not.toContain(stranger['AWS_SECRET_ACCESS_KEY'] ?? '?')
  })
})

describe.each(['a folder', 'S3'])('npm run admin -- storage check, with %s', { timeout: 120_000 }, (where) => {
  it('tells what is in one place alone and ends with 1, repairs it if asked, and leaves lines in the audit log', async () => {
    const bucket = where === 'S3' ? await aBucket() : undefined
    const app = await startTestApp({ ...bucket?.environment, PORT: String(await freePort()) }, { uploads: { everyMs: 3_600_000 } })
    const environment = { MONGO_URI: app.context.config.mongo.uri, ...(bucket?.environment ?? { UPLOAD_DIR: app.uploads }) }
    const admin = (...words: string[]) => runToItsEnd('admin', ['storage', 'check', ...words], environment)
    const ann = await aPerson(app)
    await anUpload(ann)
    const lost = await anUpload(ann)
    const rows = app.context.mongo.connection.collection<UploadDocument>('uploads')
    await rows.updateMany({}, { $set: { readyAt: new Date(Date.now() - 2 * 3_600_000) } })
    expect(await admin()).toMatchObject({ exitCode: 0, output: '', errors: expect.stringContaining('0 differences') })
    const servedFrom = (await rows.findOne({ _id: new Types.ObjectId(lost.id) }))?.servedFrom?.toHexString()
    const key = `final/${servedFrom}/original`
    await app.context.storage.remove([key])
    const found = await admin()
    expect(found).toMatchObject({ exitCode: 1, errors: expect.stringContaining('1 differences are left') })
    expect(JSON.parse(found.output)).toEqual({ kind: 'row', id: lost.id, key, repaired: false })
    const repaired = await admin('--repair')
    expect(repaired).toMatchObject({ exitCode: 0 })
    expect(JSON.parse(repaired.output)).toMatchObject({ id: lost.id, repaired: true })
    expect((await ann.get(`/uploads/${lost.id}`).expect(200)).body.status).toBe('refused')
    expect(await admin()).toMatchObject({ exitCode: 0, output: '' })
    const entries = await auditOf(app, 'storage.checked')
    expect(entries.map(({ actor, target, detail }) => [actor.kind, target?.kind, detail])).toEqual(
      [
        { repair: false, force: false, found: 0, repaired: 0 },
        { repair: false, force: false, found: 1, repaired: 0 },
        { repair: true, force: false, found: 1, repaired: 1 },
        { repair: false, force: false, found: 0, repaired: 0 },
      ].map((detail) => ['operator', bucket ? 'bucket' : 'folder', detail]),
    )
    await app.close()
    await bucket?.remove()
  })
})

it('npm run admin -- storage check refuses a folder that cannot be the workers’, unless it is forced', { timeout: 90_000 }, async () => {
  const app = await startTestApp({ PORT: String(await freePort()) }, { uploads: { everyMs: 3_600_000 } })
  const ann = await aPerson(app)
  const { id } = await anUpload(ann)
  await app.context.mongo.connection
    .collection<UploadDocument>('uploads')
    .updateMany({}, { $set: { readyAt: new Date(Date.now() - 2 * 3_600_000) } })
  const elsewhere = join(await aFolder(), 'elsewhere')
  const admin = (...words: string[]) =>
    runToItsEnd('admin', ['storage', 'check', ...words], { MONGO_URI: app.context.config.mongo.uri, UPLOAD_DIR: elsewhere })
  for (const words of [[], ['--repair'], ['--repair']]) {
    const refused = await admin(...words)
    expect(refused).toMatchObject({ exitCode: 1, output: '', errors: expect.stringContaining(`no upload's file is in ${elsewhere}`) })
  }
  expect((await ann.get(`/uploads/${id}`).expect(200)).body.status).toBe('ready')
  expect(await admin('--repair', '--force')).toMatchObject({ exitCode: 0 })
  expect((await ann.get(`/uploads/${id}`).expect(200)).body.status).toBe('refused')
  await app.close()
})

it('npm run admin -- storage check says that the storage is away, and what has to be typed', { timeout: 90_000 }, async () => {
  const app = await startTestApp()
  const environment = { MONGO_URI: app.context.config.mongo.uri }
  const away = { ...environment, ...bucketNamed(`test-${randomUUID()}`).environment, AWS_S3_ENDPOINT: 'http://127.0.0.1:1' }
  const ended = await runToItsEnd('admin', ['storage', 'check', '--repair'], away)
  expect(ended).toMatchObject({ exitCode: 1, output: '', errors: expect.stringContaining('The storage cannot be used') })
  for (const words of [['--mend'], ['now']]) {
    const mistyped = await runToItsEnd('admin', ['storage', 'check', ...words], environment)
    expect(mistyped).toMatchObject({ exitCode: 2, errors: expect.stringContaining('npm run admin -- storage') })
  }
  await app.close()
})

describe('a server that starts', { timeout: 60_000 }, () => {
  let open: Bucket
  beforeAll(async () => {
    open = await aBucket({ mayBePublic: true })
  })
  afterAll(() => open.remove())

  const lines: string[] = []
  const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) })
  const signal = new AbortController().signal

  it('ends in production where uploads could be made public, with what to type', async () => {
    const environment = { NODE_ENV: 'production', PORT: '0', MONGO_URI: aDatabase(), ...open.environment }
    const { exitCode, output } = await runToItsEnd('index', [], environment)
    expect(exitCode).toBe(1)
    expect(output).toContain('npm run admin -- storage setup')
  })

  it('is only warned in development', async () => {
    const environment = { NODE_ENV: 'development', PORT: '0', MONGO_URI: aDatabase(), ...open.environment }
    const child = started('index', [], environment)
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    await expect.poll(() => output, { timeout: 30_000 }).toContain('npm run admin -- storage setup')
    await expect.poll(() => output).toContain('"listening"')
    child.kill('SIGTERM')
    await once(child, 'exit')
    expect(output).toContain('"stopped"') // by the signal, and not by itself
  })

  it('waits for an S3 that is away, and looks once it is back', async () => {
    const proxy = await TcpProxy.open(targetOf(s3Access().endpoint), false)
    const storage = new S3Storage(open.through(proxy).settings)
    const checked = checkStorage(storage, { logger, signal, againMs: 50 })
    await expect.poll(() => lines.join('')).toContain('cannot be looked at yet')
    proxy.restore()
    await expect(checked).resolves.toBe(false)
    await storage.close()
    await proxy.close()
  })

  it('finds nothing wrong with a bucket that was set up, or with a folder', async () => {
    const bucket = await aBucket()
    const storage = new S3Storage(bucket.settings)
    await expect(checkStorage(storage, { logger, signal })).resolves.toBe(true)
    await expect(checkStorage(storageIn(await aFolder()), { logger, signal })).resolves.toBe(true)
    await storage.close()
    await bucket.remove()
  })

  it('is told of a folder that it cannot write to', async () => {
    await expect(checkStorage(storageIn('/proc/heliograph'), { logger, signal })).resolves.toBe(false)
    expect(lines.join('')).toContain('UPLOAD_DIR')
  })
})
