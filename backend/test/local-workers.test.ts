import { randomBytes } from 'node:crypto'
import { utimes } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { expect, inject, it } from 'vitest'
import { aFolder, aSecret, filesIn, pendingKey, png, sha256Of, storageIn } from './support/local-storage.js'
import { aLocalWorker } from './support/local-worker.js'
import { send } from './support/signed-request.js'
import { aDatabase } from './support/test-app.js'

const size = 1_000_000
const twoHoursMs = 7_200_000

it('a worker that is killed in the middle of an upload leaves what another one sweeps, and the same PUT works there', async () => {
  const [secret, folder] = [aSecret(), await aFolder()]
  const environment = { MONGO_URI: aDatabase(), REDIS_URL: inject('redisUrl'), JWT_SECRET: secret, UPLOAD_DIR: folder }
  const [one, other] = await Promise.all([aLocalWorker(environment), aLocalWorker(environment)])
  const [key, bytes] = [pendingKey(), new Uint8Array(randomBytes(size))]
  const storage = storageIn(folder, [secret], {}, one.url)
  const put = await storage.presignPut({ key, size, contentType: png, sha256: sha256Of(bytes) })

  const { hostname, host, port, pathname, search } = new URL(put.url)
  const socket = connect(Number(port), hostname).on('error', () => undefined)
  socket.write(`PUT ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: ${png}\r\nContent-Length: ${size}\r\n\r\n`)
  socket.write(bytes.subarray(0, size / 2))
  const temporary = join(folder, 'temporary')
  await expect.poll(() => filesIn(temporary)).toHaveLength(1)
  await one.kill()
  const [left = ''] = await filesIn(temporary)
  expect([left, await storage.head(key)]).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/), undefined])

  const long = new Date(Date.now() - twoHoursMs)
  await utimes(join(temporary, left), long, long)
  expect((await send(put, bytes, { url: put.url.replace(one.url, other.url) })).status).toBe(200)
  expect(await buffer(await storage.read(key))).toEqual(Buffer.from(bytes))
  await expect.poll(() => filesIn(temporary)).toEqual([])
}, 120_000)
