import { createHash } from 'node:crypto'
import { expect, inject, it } from 'vitest'
import { aFolder, aSecret, pendingKey, storageIn } from './support/local-storage.js'
import { aLocalWorker } from './support/local-worker.js'
import { rawPut } from './support/raw-put.js'
import { aDatabase } from './support/test-app.js'

const mebibyte = 1024 * 1024
const sizeMebibytes = 200
/** Bytes that wait to be written, and those that the garbage collector has not got to. A worker that kept the body would have all of it. */
const mostWaitingMebibytes = 64

it(`an upload of ${sizeMebibytes} MiB passes through a worker's memory, and does not stay there`, async () => {
  const [secret, folder] = [aSecret(), await aFolder()]
  const environment = { MONGO_URI: aDatabase(), REDIS_URL: inject('redisUrl'), JWT_SECRET: secret, UPLOAD_DIR: folder }
  const worker = await aLocalWorker(environment)
  const storage = storageIn(folder, [secret], {}, worker.url)
  const piece = Buffer.alloc(mebibyte, 7)
  const upload = async (mebibytes: number) => {
    const pieces = Array.from({ length: mebibytes }, () => piece)
    const hash = createHash('sha256')
    for (const each of pieces) hash.update(each)
    const [key, size] = [pendingKey(), mebibytes * mebibyte]
    const put = await storage.presignPut({ key, size, contentType: 'video/mp4', sha256: hash.digest('base64') })
    expect((await rawPut(put.url, put.headers, pieces)).status).toBe(200)
    expect(await storage.head(key)).toMatchObject({ size })
  }
  await upload(8) // what is made once is no growth
  await worker.takeMemory()
  const before = await worker.takeMemory()
  await upload(sizeMebibytes)
  const most = await worker.takeMemory()
  const grown = (what: 'arrayBuffers' | 'rss') => (most[what] - before[what]) / mebibyte
  console.log(`a worker grew by ${grown('rss').toFixed(1)} MiB (buffers ${grown('arrayBuffers').toFixed(1)}) during ${sizeMebibytes} MiB`)
  expect(grown('arrayBuffers')).toBeLessThan(mostWaitingMebibytes)
}, 120_000)
