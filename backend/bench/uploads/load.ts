import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { answerQuestions } from '../answers.js'
import { announce, post, put } from './client.js'
import { mebibyte, Uploads } from './contract.js'

/** Every upload consists of these, over and over. */
const piece = Buffer.alloc(mebibyte, 'heliograph')

const sha256Of = (mebibytes: number): string => {
  const hash = createHash('sha256')
  for (let n = 0; n < mebibytes; n++) hash.update(piece)
  return hash.digest('base64')
}

const pieces = async function* (count: number, perSecond: number | undefined): AsyncGenerator<Buffer> {
  const begunAt = performance.now()
  for (let n = 0; n < count; n++) {
    if (perSecond !== undefined) await sleep(Math.max(0, begunAt + ((n + 1) / perSecond) * 1000 - performance.now()))
    yield piece
  }
}

const upload = async (accessToken: string, sha256: string, { origin, mebibytesEach, mebibytesPerSecond }: Uploads): Promise<void> => {
  const call = { origin, accessToken }
  const begun = await announce(call, { size: mebibytesEach * mebibyte, sha256 })
  if (begun.upload) await put(begun.upload, pieces(mebibytesEach, mebibytesPerSecond))
  const parts: { number: number; etag: string }[] = []
  for (const part of begun.multipart?.parts ?? []) {
    const mebibytes = Number(part.headers['content-length']) / mebibyte
    parts.push({ number: part.number, etag: await put(part, pieces(mebibytes, mebibytesPerSecond)) })
  }
  await post(call, `/uploads/${begun.id}/complete`, begun.multipart ? { parts } : {}, 200)
}

answerQuestions('ready', async (question) => {
  const uploads = Uploads.parse(question)
  const { accessTokens, mebibytesEach, mebibytesPerSecond, times } = uploads
  const sha256 = sha256Of(mebibytesEach)
  const begunAt = performance.now()
  const secondsEach = mebibytesPerSecond === undefined ? 0 : mebibytesEach / mebibytesPerSecond
  const person = async (accessToken: string, n: number) => {
    await sleep((secondsEach * 1000 * n) / accessTokens.length)
    for (let time = 0; time < times; time++) await upload(accessToken, sha256, uploads)
  }
  await Promise.all(accessTokens.map(person))
  return (performance.now() - begunAt) / 1000
})
