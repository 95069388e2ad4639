import { createApp } from '../../src/app.js'
import { readConfig } from '../../src/config.js'
import { createContext } from '../../src/context.js'
import { HttpServer } from '../../src/http/server.js'
import { createLogger } from '../../src/platform/logger.js'
import { answerQuestions } from '../answers.js'
import { mebibyte, Question } from './contract.js'

const lookEveryMs = 10
const presigned = 20_000

const config = readConfig()
const context = createContext(config, createLogger('error'))
const port = await new HttpServer(createApp(context)).listen(0, '127.0.0.1')
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

/** @returns microseconds of a processor for a signed PUT */
const presign = async (): Promise<number> => {
  const object = { key: `pending/${'0'.repeat(24)}`, size: 1000, contentType: 'image/png', sha256: `${'A'.repeat(43)}=` }
  for (let n = 0; n < presigned / 10; n++) await context.storage.presignPut(object)
  const before = process.cpuUsage()
  for (let n = 0; n < presigned; n++) await context.storage.presignPut(object)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / presigned
}

answerQuestions({ port }, (question) => (Question.parse(question) === 'peak' ? takePeak() : presign()))
