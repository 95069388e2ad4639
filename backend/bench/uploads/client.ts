import { request } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'

const Begun = z.object({
  id: z.string(),
  upload: z.object({ url: z.string(), headers: z.record(z.string(), z.string()) }).optional(),
  multipart: z
    .object({
      partSize: z.int(),
      parts: z.array(z.object({ number: z.int(), url: z.string(), headers: z.record(z.string(), z.string()) })),
    })
    .optional(),
})
export type Begun = z.infer<typeof Begun>

/** @returns the body. @throws Error where it is not answered with this status */
export const post = async (
  call: { origin: string; accessToken?: string },
  path: string,
  body: object,
  status: number,
): Promise<unknown> => {
  const { origin, accessToken } = call
  const answer = await fetch(`${origin}/api/v1${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(accessToken !== undefined && { authorization: `Bearer ${accessToken}` }) },
    body: JSON.stringify(body),
  })
  const answered = await answer.text()
  if (answer.status !== status) throw new Error(`POST ${path} was answered with ${answer.status}: ${answered}`)
  return JSON.parse(answered)
}

export const announce = async (call: { origin: string; accessToken: string }, file: { size: number; sha256: string }): Promise<Begun> => {
  const about = { fileName: 'film.bin', contentType: 'application/octet-stream', purpose: 'attachment' }
  return Begun.parse(await post(call, '/uploads', { ...about, size: file.size, checksumSha256: file.sha256 }, 201))
}

/** @returns the ETag, if any. @throws Error where it is not taken */
export const put = async (
  { url, headers }: { url: string; headers: Readonly<Record<string, string>> },
  body: AsyncIterable<Buffer>,
): Promise<string> => {
  const asking = request(url, { method: 'PUT', headers, agent: false })
  const answered = new Promise<{ status: number | undefined; etag: string }>((resolve, reject) => {
    asking.once('response', (response) => {
      response.resume()
      resolve({ status: response.statusCode, etag: response.headers.etag ?? '' })
    })
    asking.once('error', reject)
  })
  await pipeline(Readable.from(body), asking)
  const { status, etag } = await answered
  if (status !== 200) throw new Error(`A PUT was answered with ${status}`)
  return etag
}
