import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, inject, it, onTestFinished } from 'vitest'
import { freePort } from '../../dev/services/free-port.js'
import { aFolder, aSecret, pendingKey, storageIn } from './support/local-storage.js'
import { rawPut } from './support/raw-put.js'
import { aDatabase } from './support/test-app.js'

const entry = fileURLToPath(new URL('../dist/index.js', import.meta.url))
const mebibyte = 1024 * 1024
const sizeMebibytes = 200
/** A worker that kept the body would grow by all of it. */
const mostGrowthMebibytes = 60
const deadline = { timeout: 60_000 }

/** A worker of its own process. */
const aWorker = async (secret: string, folder: string) => {
  const port = await freePort()
  const environment = { MONGO_URI: aDatabase(), REDIS_URL: inject('redisUrl'), JWT_SECRET: secret, UPLOAD_DIR: folder, PORT: String(port) }
  const child = spawn(process.execPath, [entry], {
    env: { NODE_ENV: 'development', LOG_LEVEL: 'silent', ...environment },
    stdio: 'ignore',
  })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  const url = `http://127.0.0.1:${port}`
  await expect.poll(async () => (await fetch(`${url}/health/ready`).catch(() => undefined))?.status, deadline).toBe(200)
  return { url, pid: child.pid }
}

/** In MiB: what a process had in memory at most, so far. */
const peakOf = async (pid: number | undefined): Promise<number> => {
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kibibytes) / 1024
}

it.runIf(process.platform === 'linux')(
  `an upload of ${sizeMebibytes} MiB passes through a worker's memory, and does not stay there`,
  async () => {
    const [secret, folder] = [aSecret(), await aFolder()]
    const { url, pid } = await aWorker(secret, folder)
    const storage = storageIn(folder, [secret], {}, url)
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
    const before = await peakOf(pid)
    await upload(sizeMebibytes)
    const growth = (await peakOf(pid)) - before
    console.log(`a worker's memory grew by ${growth.toFixed(1)} MiB during an upload of ${sizeMebibytes} MiB`)
    expect(growth).toBeLessThan(mostGrowthMebibytes)
  },
  120_000,
)
