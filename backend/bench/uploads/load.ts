import { request } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { answerQuestions } from '../answers.js'
import { piece, Uploads } from './contract.js'

const pieces = async function* (count: number, perSecond: number | undefined): AsyncGenerator<Buffer> {
  const begunAt = performance.now()
  for (let n = 0; n < count; n++) {
    if (perSecond !== undefined) await sleep(Math.max(0, begunAt + (n / perSecond) * 1000 - performance.now()))
    yield piece
  }
}

/** @throws Error where it is not taken */
const upload = async ({ url, headers }: Uploads['requests'][number], { mebibytesEach, mebibytesPerSecond }: Uploads): Promise<void> => {
  const asking = request(url, { method: 'PUT', headers, agent: false })
  const answered = new Promise<number | undefined>((resolve, reject) => {
    asking.once('response', (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    asking.once('error', reject)
  })
  await pipeline(Readable.from(pieces(mebibytesEach, mebibytesPerSecond)), asking)
  const status = await answered
  if (status !== 200) throw new Error(`An upload was answered with ${status}`)
}

answerQuestions('ready', async (question) => {
  const uploads = Uploads.parse(question)
  const before = performance.now()
  await Promise.all(uploads.requests.map((each) => upload(each, uploads)))
  return (performance.now() - before) / 1000
})
