import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'

/** SHA-256 of what a stream brings, in base64, and how many bytes that was; never more than a piece of it in memory. */
export const digestOf = async (stream: Readable): Promise<{ sha256: string; size: number }> => {
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    hash.update(chunk)
    size += chunk.length
  }
  return { sha256: hash.digest('base64'), size }
}
