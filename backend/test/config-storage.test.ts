import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { faultsOf, read } from './support/configuration.js'

const bucket = { AWS_S3_BUCKET: 'heliograph-uploads' }
const amazon = { ...bucket, AWS_REGION: 'eu-central-1' }
const other = { ...bucket, AWS_S3_ENDPOINT: 'http://127.0.0.1:9000' }

describe('the settings of the folder', () => {
  it('are a folder of the server, and the address of the API', () => {
    const { local } = read({ API_URL: 'https://chat.example.com/', PORT: '8080' }).storage
    expect(local).toMatchObject({ folder: resolve('.data/uploads'), url: 'https://chat.example.com/api/v1/uploads/local' })
    expect(read({ UPLOAD_DIR: '/srv/uploads', PORT: '8080' }).storage.local).toMatchObject({
      folder: '/srv/uploads',
      url: 'http://localhost:8080/api/v1/uploads/local',
    })
    expect(faultsOf({ UPLOAD_DIR: '/srv/\0' })).toEqual(['UPLOAD_DIR: a folder'])
  })

  it('sign with JWT_SECRET, and know what its predecessors signed', () => {
    const previous = `${'Zq0v'.repeat(12)},${'Wt7h'.repeat(12)}`
    const { keys } = read({ JWT_SECRET: 'Kp3x'.repeat(12), JWT_PREVIOUS_SECRETS: previous }).storage.local
    expect(keys.map((key) => key.export().toString())).toEqual(['Kp3x', 'Zq0v', 'Wt7h'].map((text) => text.repeat(12)))
  })

  it('are worth a warning in production where nobody chose them', () => {
    const production = { NODE_ENV: 'production', MONGO_URI: 'mongodb://127.0.0.1/x' }
    const told = (more: Record<string, string>) => read({ ...production, ...more }).warnings.filter((line) => line.includes('UPLOAD_DIR'))
    expect(told({})).toHaveLength(1)
    expect([...told({ UPLOAD_DIR: '/srv/uploads' }), ...told(amazon)]).toEqual([])
    expect(read().warnings.filter((line) => line.includes('UPLOAD_DIR'))).toEqual([])
  })
})

describe('the settings of the storage', () => {
  it('are all optional', () => {
    expect(read().storage.s3).toBeUndefined()
  })

  it("are Amazon's own where no endpoint is named, with the machine's role", () => {
    expect(read(amazon).storage.s3).toEqual({
      bucket: 'heliograph-uploads',
      endpoint: undefined,
      region: 'eu-central-1',
      forcePathStyle: false,
      credentials: undefined,
    })
  })

  it('have the bucket in the path and a region where another endpoint is named, unless told otherwise', () => {
    expect(read(other).storage.s3).toMatchObject({ endpoint: 'http://127.0.0.1:9000', region: 'us-east-1', forcePathStyle: true })
    expect(read({ ...other, AWS_S3_FORCE_PATH_STYLE: 'false' }).storage.s3?.forcePathStyle).toBe(false)
    expect(read({ ...amazon, AWS_S3_FORCE_PATH_STYLE: 'true' }).storage.s3?.forcePathStyle).toBe(true)
  })

  it('print as nothing where they are secrets', () => {
    const keys = { AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: 'Xq83' }
    const { s3 } = read({ ...other, ...keys }).storage
    expect(s3?.credentials?.secretAccessKey.export().toString()).toBe('Xq83')
    expect(JSON.stringify(s3)).not.toContain('Xq83')
  })

  it.each([
    [bucket, 'AWS_REGION'],
    [{ AWS_S3_ENDPOINT: 'http://127.0.0.1:9000' }, 'AWS_S3_BUCKET'],
    [{ ...amazon, AWS_ACCESS_KEY_ID: 'AKID' }, 'AWS_SECRET_ACCESS_KEY'],
  ])('are not complete: %j lacks %s', (given, lacking) => {
    expect(faultsOf(given)).toEqual([expect.stringMatching(`^${lacking}: is required`)])
  })

  it.each([
    ['AWS_S3_BUCKET', ['ab', 'Uploads', 'my_uploads', 'my..uploads', '-uploads', 'uploads-', '192.168.0.1', 'x'.repeat(64), 'a/b', 'a b']],
    ['AWS_S3_ENDPOINT', ['localhost:9000', 'ftp://x', 'https://user:password@x', 'https://x/path', 'https://x?y']],
    ['AWS_S3_FORCE_PATH_STYLE', ['yes', '1']],
  ])('refuse a bad %s', (name, values) => {
    for (const value of values) {
      const faults = faultsOf({ ...amazon, [name]: value }).filter((fault) => fault.startsWith(`${name}: `))
      expect([value, faults.length]).toEqual([value, 1])
    }
  })

  it.each(['heliograph-uploads', 'a.b.c', 'abc', 'x'.repeat(63), '1-2.3'])('take a bucket called %s', (name) => {
    expect(read({ ...amazon, AWS_S3_BUCKET: name }).storage.s3?.bucket).toBe(name)
  })
})
