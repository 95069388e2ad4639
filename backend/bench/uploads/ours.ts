import { createSecretKey } from 'node:crypto'
import { createApp } from '../../src/app.js'
import { readConfig } from '../../src/config.js'
import { createContext } from '../../src/context.js'
import { HttpServer } from '../../src/http/server.js'
import { createLogger } from '../../src/platform/logger.js'
import { createStorage } from '../../src/platform/storage/create-storage.js'
import type { Storage } from '../../src/platform/storage/storage.js'
import { answerQuestions } from '../answers.js'
import { mebibyte, Question } from './contract.js'

const lookEveryMs = 10
const presigned = 5000

const config = readConfig()
const context = createContext(config, createLogger('error'))
const port = await new HttpServer(createApp(context)).listen(config.server.port, '127.0.0.1')
context.start()
await context.mongo.whenReady(AbortSignal.timeout(60_000))

let peak = 0
const look = () => {
  peak = Math.max(peak, process.memoryUsage.rss())
}
setInterval(look, lookEveryMs)

/** @returns in MiB */
const takePeak = (): number => {
  look()
  const most = peak / mebibyte
  peak = 0
  return most
}

/** Nobody is asked for a signature, so there need be nothing at its endpoint. */
const s3 = createStorage({
  local: config.storage.local,
  s3: {
    bucket: 'heliograph-uploads',
    endpoint: 'http://127.0.0.1:1',
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'heliograph', secretAccessKey: createSecretKey('heliograph', 'utf8') },
  },
})

/** @returns microseconds of a processor for a signed PUT */
const presign = async (storage: Storage): Promise<number> => {
  const object = { key: `pending/${'0'.repeat(24)}`, size: 1000, contentType: 'image/png', sha256: `${'A'.repeat(43)}=` }
  for (let n = 0; n < presigned / 10; n++) await storage.presignPut(object)
  const before = process.cpuUsage()
  for (let n = 0; n < presigned; n++) await storage.presignPut(object)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / presigned
}

answerQuestions({ port }, async (question) =>
  Question.parse(question) === 'peak' ? takePeak() : { folder: await presign(context.storage), s3: await presign(s3) },
)
