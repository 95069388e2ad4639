import { createHash, randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Deployment } from './deployment.js'
import type { Person } from './person.js'

const Begun = z.object({
  id: z.string(),
  upload: z.object({ method: z.literal('PUT'), url: z.string(), headers: z.record(z.string(), z.string()) }),
})
const Completed = z.object({ status: z.literal('ready') })

interface File {
  readonly uploadId: string
  readonly text: string
}

/** A line of text, announced, PUT where it is told to, completed. */
export const upload = async (at: Deployment, { token }: Person): Promise<File> => {
  const text = `A line that nobody has seen before: ${randomUUID()}\n`
  const checksumSha256 = createHash('sha256').update(text).digest('base64')
  const body = { fileName: 'smoke.txt', contentType: 'text/plain', size: Buffer.byteLength(text), checksumSha256, purpose: 'attachment' }
  const begun = await at.call({ method: 'POST', path: '/api/v1/uploads', token, body }, Begun)
  const { 'content-length': _length, ...headers } = begun.upload.headers // fetch says it by itself
  const put = await fetch(begun.upload.url, { method: 'PUT', headers, body: text, signal: AbortSignal.timeout(at.deadlineMs) })
  if (!put.ok) throw new Error(`PUT to ${new URL(begun.upload.url).origin}: ${put.status} ${(await put.text()).slice(0, 300)}`)
  await at.call({ method: 'POST', path: `/api/v1/uploads/${begun.id}/complete`, token, body: {} }, Completed)
  return { uploadId: begun.id, text }
}

/** @throws Error where it is not what was sent */
export const download = async (at: Deployment, { token }: Person, { uploadId, text }: File): Promise<void> => {
  const answer = await at.fetch({ method: 'GET', path: `/api/v1/uploads/${uploadId}/content`, token })
  if (!answer.ok) throw new Error(`GET ${new URL(answer.url).origin}: ${answer.status}`)
  if ((await answer.text()) !== text) throw new Error('other bytes came back')
}
