import { createHash, randomBytes } from 'node:crypto'
import type { Person } from './people.js'

type Bytes = Uint8Array<ArrayBuffer>

export interface UploadedFile {
  readonly id: string
  readonly bytes: Bytes
}

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64')

/** Bytes of no known format. */
export const someBytes = (size = 1000): Bytes => new Uint8Array(randomBytes(size))

/** A picture: one red pixel, and none like another. */
export const aPicture = (): Bytes => {
  const pixel = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==', 'base64')
  return new Uint8Array(Buffer.concat([pixel, randomBytes(8)]))
}

/** What announces these bytes. */
export const announcing = (bytes: Uint8Array, changes: object = {}) => ({
  fileName: 'notes.bin',
  contentType: 'application/octet-stream',
  size: bytes.length,
  checksumSha256: sha256Of(bytes),
  purpose: 'attachment',
  ...changes,
})

interface Signed {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** PUTs bytes as a client does. */
export const put = ({ url, headers }: Omit<Signed, 'method'>, bytes: Bytes): Promise<Response> => {
  const { 'content-length': _length, ...own } = headers // fetch says it by itself, and truly
  return fetch(url, { method: 'PUT', headers: own, body: bytes })
}

/** PUTs all parts of what was begun, as a client does. @returns what completes it */
export const putParts = async (
  { partSize, parts }: { partSize: number; parts: readonly (Omit<Signed, 'method'> & { number: number })[] },
  bytes: Bytes,
): Promise<{ number: number; etag: string }[]> => {
  const came: { number: number; etag: string }[] = []
  for (const part of parts) {
    const answer = await put(part, bytes.slice((part.number - 1) * partSize, part.number * partSize))
    if (answer.status !== 200) throw new Error(`The storage answered part ${part.number} with ${answer.status}`)
    came.push({ number: part.number, etag: answer.headers.get('etag') ?? '' })
  }
  return came
}

/** Announced and PUT, and not completed. */
export const aPending = async (
  person: Person,
  bytes: Bytes = someBytes(),
  changes: object = {},
): Promise<{ id: string; upload: Signed }> => {
  const { body } = await person.post('/uploads', announcing(bytes, changes)).expect(201)
  const { status } = await put(body.upload, bytes)
  if (status !== 200) throw new Error(`The storage answered a PUT with ${status}`)
  return body
}

/** Announced, PUT and completed. */
export const anUpload = async (person: Person, changes: object = {}, bytes: Bytes = someBytes()): Promise<UploadedFile> => {
  const { id } = await aPending(person, bytes, changes)
  await person.post(`/uploads/${id}/complete`, {}).expect(200)
  return { id, bytes }
}

/** What somebody gets who follows an upload's URL. */
export const contentOf = async (person: Person, id: string): Promise<Uint8Array> => {
  const { headers } = await person.get(`/uploads/${id}/content`).expect(302)
  const answer = await fetch(String(headers['location']))
  return new Uint8Array(await answer.arrayBuffer())
}
